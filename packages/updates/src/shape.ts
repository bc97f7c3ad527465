/**
 * How a document is built: the names of its roots, how many types are nested in it, and how deep every struct lies.
 *
 * Why it exists: a document with a hundred thousand roots takes Yjs a minute to load, and one nested five thousand deep
 * can be loaded but never read or deleted again. Neither shows in a single update, since a nest grows by one type at a time.
 *
 * Invariants
 * 1. A struct at the root lies 1 deep; one within a type lies one deeper than that type; one beside another as deep as it.
 * 2. Growth is worked out apart and joined to the shape only when the update is taken.
 * 3. Under a key of a map stands one value at a time; several in one struct are taken only when they are deleted, as a document
 *    that collects nothing keeps them. Yjs itself makes two different documents of anything else.
 *
 * What was collected keeps the depth of what stood before it: nothing grows on it, since Yjs collects that too.
 */
import { contentKinds, type Dot, infoBits, type StructSpan } from './valid-update.ts'

/** Client → flat `[clock, place, clock, place, …]`, rising; a place holds until the next clock. It is twice the depth, and one more under a key. */
export type Depths = Map<number, number[]>

export interface DocumentShape {
  readonly roots: Set<string>
  /** Types within types, also deleted ones that the log still holds. */
  types: number
  readonly depths: Depths
}

/** What one update adds to a shape. */
export interface Growth {
  readonly roots: ReadonlySet<string>
  readonly types: number
  /** How deep the deepest of its types lies; 0 without one. */
  readonly deepest: number
  readonly depths: Depths
  /** Structs of several values under a key: whoever takes them makes sure that they are deleted. */
  readonly several: readonly StructAt[]
}

export interface StructAt {
  readonly client: number
  readonly clock: number
  readonly length: number
}

export const emptyShape = (): DocumentShape => ({ roots: new Set(), types: 0, depths: new Map() })

/** Works out the growth of `known`, struct by struct, each after those that it builds on. */
export class GrowthBuilder implements Growth {
  readonly roots = new Set<string>()
  readonly depths: Depths = new Map()
  types = 0
  deepest = 0
  readonly several: StructAt[] = []
  readonly #known: DocumentShape

  constructor(known: DocumentShape) {
    this.#known = known
  }

  add(client: number, struct: StructSpan): void {
    const kind = struct.info & infoBits.kind
    const before = this.#placeAt(client, struct.clock)
    const place = kind === contentKinds.gc ? before : this.#placeOf(struct)
    if (struct.root !== null && !this.#known.roots.has(struct.root)) this.roots.add(struct.root)
    if (kind === contentKinds.type) {
      this.types++
      this.deepest = Math.max(this.deepest, place >>> 1)
    }
    const isSeveral = struct.length > 1 && (kind === contentKinds.any || kind === contentKinds.string)
    if (isSeveral && (place & 1) === 1) this.several.push({ client, clock: struct.clock, length: struct.length })
    if (place === before) return
    const own = this.depths.get(client)
    if (own === undefined) this.depths.set(client, [struct.clock, place])
    else own.push(struct.clock, place)
  }

  #placeOf({ root, parent, origin, rightOrigin, info }: StructSpan): number {
    const isKeyed = (info & infoBits.parentSub) === 0 ? 0 : 1
    if (root !== null) return 2 + isKeyed
    if (parent !== null) return (this.#placeAt(parent.client, parent.clock) & ~1) + 2 + isKeyed
    const beside = (origin ?? rightOrigin) as Dot
    return this.#placeAt(beside.client, beside.clock)
  }

  #placeAt(client: number, clock: number): number {
    const own = this.depths.get(client)
    return own !== undefined && clock >= (own[0] as number) ? placeIn(own, clock) : placeIn(this.#known.depths.get(client), clock)
  }
}

/** Joins `growth`, which was worked out from this very shape. */
export function grow(shape: DocumentShape, { roots, types, depths }: Growth): void {
  for (const root of roots) shape.roots.add(root)
  shape.types += types
  for (const [client, added] of depths) {
    const own = shape.depths.get(client)
    if (own === undefined) shape.depths.set(client, [...added])
    else for (const one of added) own.push(one)
  }
}

function placeIn(depths: readonly number[] | undefined, clock: number): number {
  if (depths === undefined) return 0
  let low = 0
  let high = depths.length / 2
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((depths[middle * 2] as number) <= clock) low = middle + 1
    else high = middle
  }
  return low === 0 ? 0 : (depths[low * 2 - 1] as number)
}
