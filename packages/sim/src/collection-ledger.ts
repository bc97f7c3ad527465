/**
 * What people counted, added, removed, deleted and restored: an account of its own of what must be read at the end, by
 * what happened before what.
 */
import type { Json } from '@tidemark/store'
import { holds } from './critical-ledger.ts'
import type { SimulatedEntity } from './entities.ts'
import type { Ledger, WriteRecord } from './ledger.ts'

type Value = Readonly<Record<string, unknown>>

interface Change {
  readonly write: WriteRecord
  readonly field: string
  readonly member: string
  readonly isAdded: boolean
}

interface Counted {
  readonly write: WriteRecord
  readonly field: string
  readonly amount: number
}

interface Ended {
  readonly write: WriteRecord
  readonly kind: 'delete' | 'restore'
}

type IsKept = (write: WriteRecord) => boolean

export class CollectionLedger {
  readonly #ledger: Ledger
  readonly #changes: Change[] = []
  readonly #counts: Counted[] = []
  readonly #ends: Ended[] = []
  /** Sets in which something was done that shows nowhere. */
  readonly #unknown = new Set<string>()

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  added(id: number, field: string, member: Json): void {
    this.#changes.push({ write: this.#ledger.write(id), field, member: JSON.stringify(member), isAdded: true })
  }

  removed(id: number, field: string, member: Json): void {
    this.#changes.push({ write: this.#ledger.write(id), field, member: JSON.stringify(member), isAdded: false })
  }

  counted(id: number, field: string, amount: number): void {
    this.#counts.push({ write: this.#ledger.write(id), field, amount })
  }

  ended(id: number, kind: Ended['kind']): void {
    this.#ends.push({ write: this.#ledger.write(id), kind })
  }

  /** Notes what an undo or redo changed, by what is read before and after; `touched` are the sets that it wrote to. */
  stepped(id: number, entity: SimulatedEntity, touched: ReadonlySet<string>, before: Value, after: Value): void {
    for (const field of entity.counters) {
      const amount = Number(after[field]) - Number(before[field])
      if (amount !== 0) this.counted(id, field, amount)
    }
    for (const field of touched) {
      const [was, is] = [before, after].map((value) => new Set((value[field] as readonly Json[]).map((member) => JSON.stringify(member))))
      const changes = [
        ...[...(is as Set<string>)].filter((one) => !was?.has(one)).map((member) => ({ member, isAdded: true })),
        ...[...(was as Set<string>)].filter((one) => !is?.has(one)).map((member) => ({ member, isAdded: false })),
      ]
      if (changes.length === 0) this.#unknown.add(`${this.#ledger.write(id).document} ${field}`)
      for (const change of changes) this.#changes.push({ write: this.#ledger.write(id), field, ...change })
    }
  }

  /** The sum of what everybody counted. */
  sum(document: string, field: string, isKept: IsKept): number {
    return this.#counts
      .filter((one) => one.write.document === document && one.field === field && isKept(one.write))
      .reduce((sum, { amount }) => sum + amount, 0)
  }

  /** The members of a set, spelled: added, and not removed by anybody who saw them; null when that is not known. */
  members(document: string, field: string, isKept: IsKept): ReadonlySet<string> | null {
    if (this.#unknown.has(`${document} ${field}`)) return null
    const kept = this.#changes.filter((one) => one.write.document === document && one.field === field && isKept(one.write))
    const isRemoved = (add: Change): boolean =>
      kept.some((one) => !one.isAdded && one.member === add.member && holds(one.write.seen, add.write))
    return new Set(kept.filter((one) => one.isAdded && !isRemoved(one)).map(({ member }) => member))
  }

  /** Whether the entity is deleted: of the last words, unless one of them is a restore. */
  isDeleted(document: string, isKept: IsKept): boolean {
    const kept = this.#ends.filter((one) => one.write.document === document && isKept(one.write))
    const last = kept.filter((one) => !kept.some((other) => other !== one && holds(other.write.seen, one.write)))
    return last.length > 0 && last.every(({ kind }) => kind === 'delete')
  }
}
