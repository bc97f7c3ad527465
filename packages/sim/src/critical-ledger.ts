/**
 * What people wrote into critical fields and what they were shown when they did: an account of its own of which values
 * must stand at the end, by what happened before what. It never looks at what an entry names.
 *
 * A write ends what its person was shown: everything that was in the document when the form opened, and the form's own
 * earlier writes. What was withdrawn or undone is read off the screen before and after, since it ends one's own only.
 */
import type { Basis, Entity } from '@tidemark/client'
import type { Fields } from '@tidemark/schema'
import type { Json } from '@tidemark/store'
import * as Y from 'yjs'
import type { Ledger, WriteRecord } from './ledger.ts'

/** What a document held at some moment. */
export interface Seen {
  /** State vector. */
  readonly at: ReadonlyMap<number, number>
  /** The document waited for something, so nobody knows which of it was shown. */
  readonly isVague: boolean
}

interface Made {
  readonly reason: string
  /** The values that stood on the screen. */
  readonly shown: readonly (Json | undefined)[]
}

export interface CriticalWrite {
  readonly write: WriteRecord
  readonly field: string
  readonly kind: 'set' | 'decide' | 'withdraw'
  readonly value: Json | undefined
  readonly decision: Made | null
  /** Whether this ends `other`, a write of the same field. */
  ends(other: CriticalWrite): boolean
}

/** What must stand in a field. */
export interface Standing {
  readonly values: readonly (Json | undefined)[]
  readonly writes: readonly CriticalWrite[]
}

/** Whether a document with this state vector holds all of `write`. */
export const holds = (at: ReadonlyMap<number, number>, { ranges }: WriteRecord): boolean =>
  ranges.structs.every(({ client, to }) => (at.get(client) ?? 0) >= to)

export class CriticalLedger {
  readonly #ledger: Ledger
  readonly #isCritical: (document: string, field: string) => boolean
  readonly #byField = new Map<string, CriticalWrite[]>()
  /** Fields in which something was done on a screen that nobody knows. */
  readonly #unknown = new Set<string>()

  constructor(ledger: Ledger, isCritical: (document: string, field: string) => boolean) {
    this.#ledger = ledger
    this.#isCritical = isCritical
  }

  seenBy({ doc, syncing }: Pick<Entity<Fields>, 'doc' | 'syncing'>): Seen {
    return { at: Y.decodeStateVector(Y.encodeStateVector(doc)), isVague: syncing }
  }

  wrote(id: number, fields: readonly (readonly [string, Json])[], seen: Seen, own: ReadonlySet<number>): void {
    for (const [field, value] of fields) this.#add(id, field, 'set', value, seen, own, null)
  }

  decided(id: number, field: string, value: Json | undefined, seen: Seen, own: ReadonlySet<number>, decision: Made): void {
    this.#add(id, field, 'decide', value, seen, own, decision)
  }

  /** Notes what a withdrawal, an undo or a redo ended and began, by what is shown now where `before` was. */
  stepped(id: number, document: string, before: Basis, entity: Entity<Fields>): void {
    const after = entity.shown()
    for (const [field, shown] of Object.entries(after)) {
      const known = (dots: Basis[string]['heads']): CriticalWrite[] => dots.flatMap((dot) => this.#at(document, field, dot) ?? [])
      const began = shown.heads.filter((dot) => !(before[field]?.heads ?? []).some((other) => isSame(dot, other)))
      const gone = (before[field]?.heads ?? []).filter((dot) => !shown.heads.some((other) => isSame(dot, other)))
      if (began.length === 0 && gone.length === 0) continue
      const ended = known(gone)
      const entry = this.#ledger.write(id).appended.find(({ f }) => f === field)
      if (entity.syncing || entry === undefined || ended.length !== gone.length) this.#unknown.add(key(document, field))
      else {
        const kind = entry.k === 'withdraw' ? 'withdraw' : 'set'
        this.#put(id, { field, kind, value: entry.v, decision: null, ends: (one) => ended.includes(one) })
      }
    }
  }

  /** Whether the account of a field is whole. */
  isKnown(document: string, field: string): boolean {
    return !this.#unknown.has(key(document, field))
  }

  writesOf(document: string, field: string): readonly CriticalWrite[] {
    return this.#byField.get(key(document, field)) ?? []
  }

  /** What stands of the writes that `isKept` still knows; null when that depends on what withdrawals brought back. */
  standing(document: string, field: string, isKept: (write: WriteRecord) => boolean): Standing | null {
    const kept = this.writesOf(document, field).filter(({ write }) => isKept(write))
    const alive = kept.filter((one) => !kept.some((other) => other !== one && other.ends(one)))
    const standing = alive.filter(({ kind }) => kind !== 'withdraw')
    return standing.length === 0 && alive.length > 0 ? null : { values: standing.map(({ value }) => value), writes: standing }
  }

  #add(
    id: number,
    field: string,
    kind: CriticalWrite['kind'],
    value: Json | undefined,
    seen: Seen,
    own: ReadonlySet<number>,
    decision: Made | null,
  ): void {
    const { document } = this.#ledger.write(id)
    if (!this.#isCritical(document, field)) return
    if (seen.isVague) this.#unknown.add(key(document, field))
    const ownNow = new Set(own)
    this.#put(id, { field, kind, value, decision, ends: ({ write }) => ownNow.has(write.id) || holds(seen.at, write) })
  }

  #put(id: number, one: Omit<CriticalWrite, 'write'>): void {
    const write = this.#ledger.write(id)
    const at = key(write.document, one.field)
    const writes = this.#byField.get(at) ?? []
    this.#byField.set(at, writes)
    writes.push({ ...one, write })
  }

  /** The write that made the entry at `dot`. */
  #at(document: string, field: string, [client, clock]: Basis[string]['heads'][0]): CriticalWrite | undefined {
    return this.writesOf(document, field).find(({ write }) =>
      write.ranges.structs.some((range) => range.client === client && range.from <= clock && clock < range.to),
    )
  }
}

const key = (document: string, field: string): string => `${document} ${field}`
const isSame = (a: readonly number[], b: readonly number[]): boolean => a[0] === b[0] && a[1] === b[1]
