/**
 * Document states and cuts as flat arrays of numbers, in which they move between threads.
 *
 * Why it exists: a map of a hundred thousand clients that is cloned as it is holds the event loop for longer than any
 * message may; an array of numbers is copied at once.
 */
import { type Cut, countRanges, type Depths, type DocumentState, type Growth } from '@tidemark/updates'

type Fits = Cut & { readonly type: 'fits' }

export interface PackedState {
  readonly clocks: Float64Array<ArrayBuffer>
  readonly deletes: Float64Array<ArrayBuffer>
  readonly depths: Float64Array<ArrayBuffer>
  readonly roots: readonly string[]
  readonly types: number
}

export interface PackedCut extends PackedState {
  readonly update: Uint8Array
  readonly dropped: boolean
  readonly deepest: number
  readonly problem: string | null
}

export function packState({ stateVector, deletes, shape }: DocumentState): PackedState {
  return {
    clocks: packClocks(stateVector),
    deletes: packLists(deletes),
    depths: packLists(shape.depths),
    roots: [...shape.roots],
    types: shape.types,
  }
}

export function unpackState({ clocks, deletes, depths, roots, types }: PackedState): DocumentState {
  const unpacked = { deletes: unpackLists(deletes), depths: unpackLists(depths) }
  return {
    stateVector: unpackClocks(clocks),
    deletes: unpacked.deletes,
    shape: { roots: new Set(roots), types, depths: unpacked.depths },
    ranges: countRanges(unpacked.deletes) + countRanges(unpacked.depths),
  }
}

export function packCut({ update, dropped, clocks, deletes, growth, problem }: Fits): PackedCut {
  const { roots, types, deepest, depths } = growth
  return {
    update,
    dropped,
    clocks: packClocks(clocks),
    deletes: packLists(deletes),
    depths: packLists(depths),
    roots: [...roots],
    types,
    deepest,
    problem,
  }
}

export function unpackCut({ update, dropped, clocks, deletes, depths, roots, types, deepest, problem }: PackedCut): Fits {
  const growth: Growth = { roots: new Set(roots), types, deepest, depths: unpackLists(depths), several: [] }
  return { type: 'fits', problem, update, dropped, clocks: unpackClocks(clocks), deletes: unpackLists(deletes), growth }
}

function packClocks(clocks: ReadonlyMap<number, number>): Float64Array<ArrayBuffer> {
  const packed = new Float64Array(clocks.size * 2)
  let at = 0
  for (const [client, clock] of clocks) {
    packed[at++] = client
    packed[at++] = clock
  }
  return packed
}

function unpackClocks(packed: Float64Array): Map<number, number> {
  const clocks = new Map<number, number>()
  for (let at = 0; at < packed.length; at += 2) clocks.set(packed[at] as number, packed[at + 1] as number)
  return clocks
}

/** Each list with its key and its length in front. */
function packLists(lists: ReadonlyMap<number, readonly number[]>): Float64Array<ArrayBuffer> {
  let size = 0
  for (const list of lists.values()) size += list.length + 2
  const packed = new Float64Array(size)
  let at = 0
  for (const [key, list] of lists) {
    packed[at++] = key
    packed[at++] = list.length
    packed.set(list, at)
    at += list.length
  }
  return packed
}

function unpackLists(packed: Float64Array): Depths {
  const lists = new Map<number, number[]>()
  for (let at = 0; at < packed.length; ) {
    const key = packed[at++] as number
    const length = packed[at++] as number
    const list = new Array<number>(length)
    // By hand: `Array.from` walks an iterator, which takes many short lists longer than a message may hold the event loop.
    for (let i = 0; i < length; i++) list[i] = packed[at++] as number
    lists.set(key, list)
  }
  return lists
}
