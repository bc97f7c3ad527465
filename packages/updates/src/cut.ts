/**
 * Cuts an update to what a document lacks.
 *
 * Why it exists: a relay that stores known clocks again, or clocks after a gap, gives joiners another
 * history than the clients that were there. What is cut off is either known already or builds on
 * something unknown; nothing else is changed, and an update that fits whole keeps its very bytes.
 *
 * Invariants
 * 1. What is left begins, for each client, at exactly the known clock, without gaps.
 * 2. Everything that a struct left refers to is known or stands in what is left too.
 * 3. Deleted ranges left lie outside the known ones and within known-or-left clocks.
 * So a document whose log holds only cut updates never has pending structs, and merging its log in any
 * grouping gives the same document.
 */
import * as encoding from 'lib0/encoding'
import { ByteReader } from './byte-reader.ts'
import { writeDeleteSet } from './byte-writer.ts'
import { addRange, addRanges, countRanges, type DeleteSet, subtractRanges } from './delete-set.ts'
import type { DocumentState } from './document-state.ts'
import { type Growth, GrowthBuilder, grow, type StructAt } from './shape.ts'
import { type ClientStructs, contentKinds, type Dot, infoBits, type StructSpan, type ValidUpdate } from './valid-update.ts'
import { skipValue } from './value.ts'
import { WaitingList } from './waiting-list.ts'

export type Cut =
  | {
      readonly type: 'fits'
      readonly update: Uint8Array
      /** Whether something was left out because it builds on the unknown; it is not stored and must not be acknowledged. */
      readonly dropped: boolean
      /** Client → the next clock with this update, for the clients it moves on. */
      readonly clocks: ReadonlyMap<number, number>
      readonly deletes: DeleteSet
      /** What it adds to how the document is built. */
      readonly growth: Growth
      /** Why no document may take it, or null. */
      readonly problem: string | null
    }
  /** Everything in it is known. */
  | { readonly type: 'known' }
  /** Nothing of it fits, because it builds on the unknown. */
  | { readonly type: 'incomplete' }

export function cutUpdate(update: ValidUpdate, known: DocumentState): Cut {
  const taken = takeStructs(update.clients, known)
  const clocks = new Map<number, number>()
  for (const [client, clock] of taken.clocks) if (clock > (known.stateVector.get(client) ?? 0)) clocks.set(client, clock)
  const deletes = cutDeletes(update.deletes, known, clocks)
  const dropped = taken.dropped || deletes.dropped
  if (clocks.size === 0 && deletes.left.size === 0) return { type: dropped ? 'incomplete' : 'known' }
  const isWhole = !dropped && taken.isWhole && deletes.isWhole
  return {
    type: 'fits',
    update: isWhole ? update.bytes : encode(update, known, clocks, deletes.left),
    dropped,
    clocks,
    deletes: deletes.left,
    growth: taken.growth,
    problem: problemOf(taken.growth, deletes.left, known),
  }
}

function problemOf({ several }: Growth, deletes: DeleteSet, known: DocumentState): string | null {
  const isDeleted = ({ client, clock, length }: StructAt): boolean =>
    [deletes, known.deletes].some((set) => subtractRanges(clock, clock + length, set.get(client)).length === 0)
  return several.every(isDeleted) ? null : 'several values at once under one key'
}

/** Makes `known` include a cut that fitted it. */
export function advanceState(known: DocumentState, cut: Cut & { readonly type: 'fits' }): void {
  for (const [client, clock] of cut.clocks) known.stateVector.set(client, clock)
  for (const [client, ranges] of cut.deletes) {
    const before = known.deletes.get(client)?.length ?? 0
    addRanges(known.deletes, client, ranges)
    known.ranges += ((known.deletes.get(client)?.length ?? 0) - before) / 2
  }
  grow(known.shape, cut.growth)
  known.ranges += countRanges(cut.growth.depths)
}

interface Taken {
  readonly clocks: ReadonlyMap<number, number>
  readonly dropped: boolean
  /** Whether every struct was taken whole. */
  readonly isWhole: boolean
  readonly growth: Growth
}

/** Takes each client's structs in order; one that waits for another client's is resumed when that one gets there. */
function takeStructs(clients: readonly ClientStructs[], known: DocumentState): Taken {
  const clocks = new Map<number, number>()
  const clockOf = (client: number): number => clocks.get(client) ?? known.stateVector.get(client) ?? 0
  const next = new Map(clients.map((one) => [one.client, 0]))
  const waiting = new Map<number, WaitingList<ClientStructs>>()
  const work = [...clients]
  const growth = new GrowthBuilder(known.shape)
  let isWhole = true
  for (let one = work.pop(); one !== undefined; one = work.pop()) {
    let index = next.get(one.client) as number
    for (; index < one.structs.length; index++) {
      const struct = one.structs[index] as StructSpan
      const clock = clockOf(one.client)
      if (struct.clock < clock) isWhole = false
      if (struct.clock + struct.length <= clock) continue
      if (isSkip(struct) || struct.clock > clock) break
      const missing = firstMissing(struct, clock > struct.clock, clockOf)
      if (missing !== null) {
        waitFor(waiting, missing, one)
        break
      }
      if (clock === struct.clock) growth.add(one.client, struct)
      clocks.set(one.client, struct.clock + struct.length)
    }
    next.set(one.client, index)
    const list = waiting.get(one.client)
    for (let waiter = list?.takeBelow(clockOf(one.client)); waiter != null; waiter = list?.takeBelow(clockOf(one.client))) work.push(waiter)
  }
  const dropped = clients.some((one) => one.structs.slice(next.get(one.client)).some((struct) => !isSkip(struct)))
  return { clocks, dropped, isWhole: isWhole && !dropped, growth }
}

function waitFor(waiting: Map<number, WaitingList<ClientStructs>>, dot: Dot, one: ClientStructs): void {
  const list = waiting.get(dot.client) ?? new WaitingList<ClientStructs>()
  waiting.set(dot.client, list)
  list.add(dot.clock, one)
}

const isSkip = (struct: StructSpan): boolean => (struct.info & infoBits.kind) === contentKinds.skip

/** The first of the dots that `struct` builds on and that is not known yet; a struct cut inside builds on its own left part. */
function firstMissing(struct: StructSpan, isCutInside: boolean, clockOf: (client: number) => number): Dot | null {
  const isMissing = (dot: Dot | null): dot is Dot => dot !== null && clockOf(dot.client) <= dot.clock
  if (!isCutInside && isMissing(struct.origin)) return struct.origin
  if (isMissing(struct.rightOrigin)) return struct.rightOrigin
  return isMissing(struct.parent) ? struct.parent : null
}

function cutDeletes(
  deletes: DeleteSet,
  known: DocumentState,
  clocks: ReadonlyMap<number, number>,
): { left: DeleteSet; dropped: boolean; isWhole: boolean } {
  const left: DeleteSet = new Map()
  let dropped = false
  let isWhole = true
  for (const [client, ranges] of deletes) {
    const end = clocks.get(client) ?? known.stateVector.get(client) ?? 0
    for (let i = 0; i < ranges.length; i += 2) {
      const from = ranges[i] as number
      const to = Math.min(ranges[i + 1] as number, end)
      if (to < (ranges[i + 1] as number)) dropped = true
      if (to <= from) continue
      const parts = subtractRanges(from, to, known.deletes.get(client))
      if (parts.length !== 2 || parts[0] !== from || parts[1] !== to) isWhole = false
      for (let j = 0; j < parts.length; j += 2) addRange(left, client, parts[j] as number, parts[j + 1] as number)
    }
  }
  return { left, dropped, isWhole: isWhole && !dropped }
}

function encode(update: ValidUpdate, known: DocumentState, clocks: ReadonlyMap<number, number>, deletes: DeleteSet): Uint8Array {
  const encoder = encoding.createEncoder()
  const moved = update.clients.filter((one) => clocks.has(one.client))
  encoding.writeVarUint(encoder, moved.length)
  for (const { client, structs } of moved) {
    const from = known.stateVector.get(client) ?? 0
    const to = clocks.get(client) as number
    const kept = structs.filter((struct) => struct.clock < to && struct.clock + struct.length > from && !isSkip(struct))
    encoding.writeVarUint(encoder, kept.length)
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, from)
    for (const struct of kept) writeStruct(encoder, update.bytes, client, struct, Math.max(0, from - struct.clock))
  }
  writeDeleteSet(encoder, deletes)
  return encoding.toUint8Array(encoder)
}

/** Copies a struct, or, from `offset` on, what is left of it: then its left neighbour is its own cut-off part. */
function writeStruct(encoder: encoding.Encoder, bytes: Uint8Array, client: number, struct: StructSpan, offset: number): void {
  if (offset === 0) {
    encoding.writeUint8Array(encoder, bytes.subarray(struct.start, struct.end))
    return
  }
  const kind = struct.info & infoBits.kind
  if (kind === contentKinds.gc) {
    encoding.writeUint8(encoder, kind)
    encoding.writeVarUint(encoder, struct.length - offset)
    return
  }
  encoding.writeUint8(encoder, struct.info | infoBits.origin)
  encoding.writeVarUint(encoder, client)
  encoding.writeVarUint(encoder, struct.clock + offset - 1)
  if (struct.rightOrigin !== null) {
    encoding.writeVarUint(encoder, struct.rightOrigin.client)
    encoding.writeVarUint(encoder, struct.rightOrigin.clock)
  }
  writeRestOfContent(encoder, bytes, struct, kind, offset)
}

function writeRestOfContent(encoder: encoding.Encoder, bytes: Uint8Array, struct: StructSpan, kind: number, offset: number): void {
  const reader = new ByteReader(bytes)
  reader.position = struct.contentStart
  if (kind === contentKinds.string) {
    encoding.writeVarString(encoder, reader.text().slice(offset))
    return
  }
  encoding.writeVarUint(encoder, struct.length - offset)
  if (kind === contentKinds.any) {
    reader.number()
    for (let i = 0; i < offset; i++) skipValue(reader)
    encoding.writeUint8Array(encoder, bytes.subarray(reader.position, struct.end))
  }
}
