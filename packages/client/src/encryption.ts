/** Encryption at rest, for `indexedDbStore({ encryption })`: loaded only by those who use it. */
export {
  type AskPassphrase,
  changeKey,
  deviceKey,
  encryptionLimits,
  eraseSealed,
  type PassphraseOptions,
  passphrase,
  rotateKey,
  type SealedPlace,
} from '@tidemark/store/encryption'
