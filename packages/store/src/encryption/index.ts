export {
  type AskPassphrase,
  changeKey,
  deviceKey,
  eraseSealed,
  type PassphraseOptions,
  passphrase,
  rotateKey,
  type SealedPlace,
} from './encryption.ts'
export { encryptionLimits } from './key-record.ts'
export type { NonceLimits } from './nonce-budget.ts'
export type { SealingCrypto } from './sealer.ts'
export { type SealingKeys, sealingCodec } from './sealing-codec.ts'
