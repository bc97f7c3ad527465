/**
 * Counts the uses of a data key, so that random nonces stay far from meeting each other.
 *
 * A tab reserves a block of uses in the key record before it uses any of it; what it does not come to is lost. So the
 * record's count is never below the true one, whatever crashes.
 */
import { TidemarkError } from '@tidemark/base'
import { currentEpoch, encryptionLimits, type KeyCabinet } from './key-record.ts'

/** Bounds that differ from `encryptionLimits`. */
export interface NonceLimits {
  readonly maxUses?: number
  readonly reservedUses?: number
}

export interface NonceBudgetOptions {
  readonly cabinet: KeyCabinet
  readonly limits?: NonceLimits
}

export class NonceBudget {
  readonly #cabinet: KeyCabinet
  readonly #maxUses: number
  readonly #block: number
  #epoch = 0
  #left = 0
  #reserving: Promise<void> | null = null

  constructor({ cabinet, limits = {} }: NonceBudgetOptions) {
    const { maxUses = encryptionLimits.maxUses, reservedUses = encryptionLimits.reservedUses } = limits
    this.#cabinet = cabinet
    this.#maxUses = maxUses
    this.#block = reservedUses
  }

  /** Takes one use of the epoch's key. @throws {TidemarkError} `store/key-moved` when it may not be used any more. */
  use(epoch: number): Promise<void> | void {
    if (epoch === this.#epoch && this.#left > 0) this.#left--
    else return this.#useReserved(epoch)
  }

  async #useReserved(epoch: number): Promise<void> {
    while (epoch !== this.#epoch || this.#left === 0) {
      this.#reserving ??= this.#reserve(epoch).finally(() => {
        this.#reserving = null
      })
      await this.#reserving
    }
    this.#left--
  }

  async #reserve(epoch: number): Promise<void> {
    await this.#cabinet.change((record) => {
      const current = record === null ? null : currentEpoch(record)
      if (record === null || current === null) throw new TidemarkError('store/key-lost', 'the keys were erased')
      if (current.epoch !== epoch) throw new TidemarkError('store/key-moved', `epoch ${current.epoch} has taken the place of ${epoch}`)
      if (current.reserved + this.#block > this.#maxUses) {
        throw new TidemarkError('store/key-moved', `the key of epoch ${epoch} was used as often as it may be`)
      }
      const spent = { ...current, reserved: current.reserved + this.#block }
      return { ...record, epochs: [...record.epochs.slice(0, -1), spent] as unknown as typeof record.epochs }
    })
    this.#epoch = epoch
    this.#left = this.#block
  }
}
