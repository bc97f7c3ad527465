/**
 * The reference model: what happened before what, over the bases that people were shown.
 *
 * It knows nothing of Yjs, entries or pruning. An op names the ops that its author was shown; an op stands among those
 * that a replica has if none of them names it.
 */
export type OpKind = 'set' | 'decide' | 'withdraw' | 'delete' | 'restore'

export interface Op {
  readonly id: number
  readonly kind: OpKind
  /** `null` is a cleared field. */
  readonly value: string | null
  readonly base: string | null
  readonly user: string
  readonly names: ReadonlySet<number>
  /** Where it stands between ops that did not know of each other. */
  readonly stamp: readonly [t: number, client: number, clock: number]
  /** For decisions: what was rejected. For deletes: what was seen. */
  readonly about: readonly number[]
}

export const empty = '∅'

const byStamp = (a: Op, b: Op): number => a.stamp[0] - b.stamp[0] || a.stamp[1] - b.stamp[1] || a.stamp[2] - b.stamp[2]

const isLife = (op: Op): boolean => op.kind === 'delete' || op.kind === 'restore'

export class History {
  readonly ops: Op[] = []

  add(op: Omit<Op, 'id'>): Op {
    const added = { ...op, id: this.ops.length }
    this.ops.push(added)
    return added
  }

  at(id: number): Op {
    return this.ops[id] as Op
  }

  #standing(seen: ReadonlySet<number>, life: boolean): Op[] {
    const named = new Set<number>()
    for (const id of seen) for (const name of this.at(id).names) named.add(name)
    return [...seen]
      .map((id) => this.at(id))
      .filter((op) => isLife(op) === life && !named.has(op.id))
      .sort(byStamp)
  }

  /** The ops of the field that no seen op names. */
  heads(seen: ReadonlySet<number>): Op[] {
    return this.#standing(seen, false)
  }

  /** The values that stand side by side, in order of their least op. */
  values(heads: readonly Op[]): (string | null)[] {
    const standing = heads.filter((op) => op.kind !== 'withdraw')
    return [...new Set((standing.length > 0 ? standing : heads).map((op) => op.value))]
  }

  /** Whether it reads as deleted, and whether somebody set the field without the deletion having seen it. */
  life(seen: ReadonlySet<number>): { deleted: boolean; late: boolean } {
    const heads = this.#standing(seen, true)
    if (heads.length === 0 || heads.some((op) => op.kind === 'restore')) return { deleted: false, late: false }
    const known = new Set(heads.flatMap((op) => op.about))
    return { deleted: true, late: this.heads(seen).some((op) => !known.has(op.id)) }
  }

  lifeHeads(seen: ReadonlySet<number>): Op[] {
    return this.#standing(seen, true)
  }

  decisions(seen: ReadonlySet<number>): Op[] {
    return [...seen]
      .map((id) => this.at(id))
      .filter((op) => op.kind === 'decide')
      .sort(byStamp)
  }
}
