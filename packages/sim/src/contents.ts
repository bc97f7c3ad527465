/**
 * What a place holds, as ranges: the struct and delete ranges of every update that was stored there.
 *
 * Why it exists: oracles ask at every moment whether a write is contained, structs and deletions alike (equal state
 * vectors prove nothing about deletions), and integrating each update into a `Y.Doc` per place costs more than the
 * code under test. What the ranges add up to, as Yjs reads it, is looked at when a run has healed: see `mirror.ts`.
 */
import * as Y from 'yjs'

interface Range {
  readonly client: number
  readonly from: number
  /** The first clock behind the range. */
  readonly to: number
}

/** What one update holds: struct ranges and deleted ranges, by client. */
export interface Ranges {
  readonly structs: readonly Range[]
  readonly deletes: readonly Range[]
}

/** The ranges of an update, as Yjs decodes it. */
export const rangesOf = (update: Uint8Array): Ranges => rangesIn(Y.decodeUpdate(update))

/** What Yjs makes of an update. */
export type Decoded = ReturnType<typeof Y.decodeUpdate>

export function rangesIn({ structs, ds }: Decoded): Ranges {
  const ranges: { client: number; from: number; to: number }[] = []
  for (const struct of structs) {
    if (struct instanceof Y.Skip) continue
    const { client, clock } = struct.id
    const last = ranges.at(-1)
    if (last?.client === client && last.to === clock) last.to += struct.length
    else ranges.push({ client, from: clock, to: clock + struct.length })
  }
  const deletes = [...ds.clients].flatMap(([client, items]) => items.map(({ clock, len }) => ({ client, from: clock, to: clock + len })))
  return { structs: ranges, deletes }
}

/** Ranges of whole numbers, joined where they touch. */
class Spans {
  /** from, to, from, to …, rising. */
  readonly #edges: number[] = []

  add(from: number, to: number): void {
    const edges = this.#edges
    const lastTo = edges.at(-1)
    if (lastTo === undefined || from > lastTo) edges.push(from, to)
    else if (from >= (edges.at(-2) as number)) edges[edges.length - 1] = Math.max(lastTo, to)
    else this.#insert(from, to)
  }

  covers(from: number, to: number): boolean {
    for (let i = this.#edges.length - 2; i >= 0; i -= 2) {
      if ((this.#edges[i] as number) <= from) return to <= (this.#edges[i + 1] as number)
    }
    return false
  }

  #insert(from: number, to: number): void {
    const edges = this.#edges
    let first = 0
    while ((edges[first + 1] ?? Number.POSITIVE_INFINITY) < from) first += 2
    let behind = first
    let [least, most] = [from, to]
    for (; (edges[behind] ?? Number.POSITIVE_INFINITY) <= most; behind += 2) {
      least = Math.min(least, edges[behind] as number)
      most = Math.max(most, edges[behind + 1] as number)
    }
    edges.splice(first, behind - first, least, most)
  }
}

interface Held {
  readonly structs: Map<number, Spans>
  readonly deletes: Map<number, Spans>
}

export class Contents {
  readonly #documents = new Map<string, Held>()

  add(document: string, update: Uint8Array): void {
    this.addRanges(document, rangesOf(update))
  }

  addRanges(document: string, { structs, deletes }: Ranges): void {
    const held = this.#documents.get(document) ?? { structs: new Map(), deletes: new Map() }
    this.#documents.set(document, held)
    for (const range of structs) spansOf(held.structs, range.client).add(range.from, range.to)
    for (const range of deletes) spansOf(held.deletes, range.client).add(range.from, range.to)
  }

  /** Whether everything of `ranges` was stored here; nothing is everywhere. */
  contains(document: string, { structs, deletes }: Ranges): boolean {
    const held = this.#documents.get(document)
    if (held === undefined) return structs.length + deletes.length === 0
    const isIn = (spans: Map<number, Spans>, ranges: readonly Range[]): boolean =>
      ranges.every(({ client, from, to }) => spans.get(client)?.covers(from, to) === true)
    return isIn(held.structs, structs) && isIn(held.deletes, deletes)
  }
}

function spansOf(spans: Map<number, Spans>, client: number): Spans {
  const found = spans.get(client) ?? new Spans()
  spans.set(client, found)
  return found
}
