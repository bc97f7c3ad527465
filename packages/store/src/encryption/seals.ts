/**
 * The keys of one database in one tab, over their life: opened, replaced by another tab, rotated, forgotten.
 *
 * Invariants
 * 1. After a rotation every tab seals with the new key from its next commit on: a commit names its epoch, and the
 *    database refuses one that is over.
 * 2. A key that sealed anything leaves the record only after a whole pass found nothing that needs it.
 */
import { TidemarkError } from '@tidemark/base'
import type { Seals } from '../encryption-port.ts'
import type { Codec } from '../idb-codec.ts'
import type { Connection } from '../idb-connection.ts'
import { currentEpoch, encryptionLimits, type KeyCabinet, type KeyRecord } from './key-record.ts'
import { type KeyRing, newEpoch, openKeyRing } from './key-ring.ts'
import { NonceBudget, type NonceLimits } from './nonce-budget.ts'
import { foldRows } from './pages.ts'
import { Resealing } from './resealing.ts'
import { sealedCodec } from './sealed-codec.ts'
import { Sealer } from './sealer.ts'

export interface SealsOptions {
  readonly connection: Connection
  readonly cabinet: KeyCabinet
  readonly ring: KeyRing
  readonly limits: NonceLimits
}

export function createSeals(options: SealsOptions): KeySeals {
  return new KeySeals(options)
}

export class KeySeals implements Seals {
  readonly codec = sealedCodec(() => this.#current())
  readonly #connection: Connection
  readonly #cabinet: KeyCabinet
  readonly #limits: NonceLimits
  readonly #budget: NonceBudget
  #ring: KeyRing
  #sealer: Sealer | null
  #refreshing: Promise<void> | null = null
  #resealing: Resealing | null = null

  constructor({ connection, cabinet, ring, limits }: SealsOptions) {
    this.#connection = connection
    this.#cabinet = cabinet
    this.#limits = limits
    this.#budget = new NonceBudget({ cabinet, limits })
    this.#ring = ring
    this.#sealer = this.#sealerOf(ring)
  }

  pinned(): Codec {
    const sealer = this.#current()
    return sealedCodec(() => sealer)
  }

  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = null
    })
    return this.#refreshing
  }

  /** Makes the next key; everything is sealed anew by and by. */
  async rotate(): Promise<void> {
    const { epoch, wrapping } = this.#ring
    const next = await newEpoch(epoch + 1, wrapping)
    await this.#cabinet.change((record) => {
      const held = expectRecord(record)
      return currentEpoch(held).epoch === epoch ? { ...held, epochs: [...held.epochs, next] } : held
    })
    await this.refresh()
  }

  async tidy(): Promise<boolean> {
    const record = expectRecord(await this.#cabinet.read())
    if (currentEpoch(record).epoch !== this.#ring.epoch) await this.refresh()
    if (record.epochs.length > 1) return await this.#resealSlice(currentEpoch(record).epoch)
    return await foldRows(this.#connection, this.#current())
  }

  close(): void {
    this.#sealer = null
    this.#resealing = null
  }

  #current(): Sealer {
    if (this.#sealer === null) throw new TidemarkError('store/locked', 'the keys are not in memory')
    return this.#sealer
  }

  async #refresh(): Promise<void> {
    this.#current()
    const record = expectRecord(await this.#cabinet.read())
    const { epoch, reserved } = currentEpoch(record)
    const { maxUses = encryptionLimits.maxUses, reservedUses = encryptionLimits.reservedUses } = this.#limits
    const ring = await this.#opened(record)
    if (this.#sealer === null) return
    this.#ring = ring
    this.#sealer = this.#sealerOf(ring)
    if (reserved + reservedUses <= maxUses) return
    const next = await newEpoch(epoch + 1, ring.wrapping)
    const rotated = await this.#cabinet.change((held) => {
      const now = expectRecord(held)
      return currentEpoch(now).epoch === epoch ? { ...now, epochs: [...now.epochs, next] } : now
    })
    this.#ring = await this.#opened(expectRecord(rotated))
    if (this.#sealer !== null) this.#sealer = this.#sealerOf(this.#ring)
  }

  /** Where the passphrase was changed in another tab, this one does not have it. */
  async #opened(record: KeyRecord): Promise<KeyRing> {
    try {
      return await openKeyRing(record, this.#ring.wrapping)
    } catch (cause) {
      this.close()
      throw new TidemarkError('store/locked', 'the passphrase was changed', { cause })
    }
  }

  async #resealSlice(epoch: number): Promise<boolean> {
    if (this.#resealing?.epoch !== epoch) this.#resealing = new Resealing(this.#connection, this.#current())
    if (await this.#resealing.slice()) return true
    this.#resealing = null
    await this.#cabinet.change((held) => {
      const record = expectRecord(held)
      const current = currentEpoch(record)
      return current.epoch === epoch ? { ...record, epochs: [current] } : record
    })
    return true
  }

  #sealerOf(ring: KeyRing): Sealer {
    return new Sealer(ring, { use: (epoch) => this.#budget.use(epoch) })
  }
}

function expectRecord(record: KeyRecord | null): KeyRecord {
  if (record === null) throw new TidemarkError('store/key-lost', 'the keys were erased')
  return record
}
