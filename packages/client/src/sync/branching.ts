/**
 * What of a document can go to the relay without the rest, and what is left behind together.
 *
 * Why it exists: Yjs clocks have no gaps, so whatever builds on a refused update can never reach anybody either. It is found
 * as the relay itself finds it: by what is lacking where the update is to be put.
 *
 * Invariant: one writer's updates stay in order, since an acknowledgement covers all up to a number.
 */
import type { ErrorCode } from '@tidemark/base'
import { isPendingUpdate, type StoredDocument, type StoredUpdate } from '@tidemark/store'
import {
  advanceState,
  cutUpdate,
  type DocumentState,
  stateAsV1,
  stateOf,
  type ValidUpdate,
  validateUpdate,
  wholeDocument,
} from '@tidemark/updates'

/** The place of a stored update. */
export interface UpdateKey {
  readonly writer: string
  readonly n: number
}

/** Refusals of what a change holds, whoever asks again: only without it does the document go on. */
const forking: ReadonlySet<ErrorCode> = new Set(['relay/forbidden', 'relay/invalid', 'relay/refused', 'relay/too-large'])

export const endsBranch = (code: ErrorCode): boolean => forking.has(code)

/** The first `limit` pending updates of a document, in an order in which each builds only on what is settled or on those before it. */
export function firstPending(stored: StoredDocument, limit: number): readonly StoredUpdate[] {
  const { pending, state } = split(stored)
  const queues = [...Map.groupBy(pending, ({ writer }) => writer).values()].map((queue) => queue.sort((a, b) => a.n - b.n))
  const first: StoredUpdate[] = []
  for (let isMoving = true; isMoving && first.length < limit; ) {
    isMoving = false
    for (const queue of queues) {
      while (queue[0] !== undefined && first.length < limit && takes(state, queue[0])) {
        first.push(queue.shift() as StoredUpdate)
        isMoving = true
      }
    }
  }
  // What cannot be read goes by itself: whoever refuses it refuses nothing else.
  const unreadable = queues.flatMap(([head]) => (head !== undefined && read(head.bytes) === null ? [head] : []))
  return first.length > 0 ? first : unreadable.slice(0, 1)
}

/**
 * The refused updates, as far as they are pending still, with every pending one that brings some of the same once more or builds
 * on it; empty when none is pending.
 */
export function refusedWith(stored: StoredDocument, keys: readonly UpdateKey[]): readonly StoredUpdate[] {
  const { pending, state } = split(stored)
  const roots = pending.filter((update) => keys.some(({ writer, n }) => update.writer === writer && update.n === n))
  const structs = roots.flatMap((root) => structsOf(root).filter(({ to, client }) => to > (state.stateVector.get(client) ?? 0)))
  const brings = (update: StoredUpdate): boolean =>
    structsOf(update).some((one) => structs.some(({ client, from, to }) => client === one.client && one.from < to && from < one.to))
  let left = roots.length === 0 ? [] : pending.filter((update) => !roots.includes(update))
  const again = left.filter(brings)
  left = left.filter((update) => !again.includes(update))
  for (let before = Number.POSITIVE_INFINITY; left.length < before; ) {
    before = left.length
    left = left.filter((update) => !takes(state, update))
  }
  return [...roots, ...again, ...left]
}

/** The clocks that an update brings, by client. */
const structsOf = ({ bytes }: StoredUpdate): { readonly client: number; readonly from: number; readonly to: number }[] =>
  (read(bytes)?.clients ?? []).flatMap(({ client, structs }) => {
    const last = structs.at(-1)
    return last === undefined ? [] : [{ client, from: structs[0]?.clock ?? 0, to: last.clock + last.length }]
  })

function split({ record, snapshot, updates }: StoredDocument): { pending: readonly StoredUpdate[]; state: DocumentState } {
  const isPending = isPendingUpdate(record)
  const settled = updates.filter((update) => !isPending(update)).map(({ bytes }) => bytes)
  const state = stateOf(snapshot === null ? [] : [stateAsV1(snapshot)])
  // They commute where they are stored, and not where they are counted.
  for (let left = settled, before = Number.POSITIVE_INFINITY; left.length < before; ) {
    before = left.length
    left = left.filter((bytes) => !includes(state, bytes))
  }
  return { pending: updates.filter(isPending), state }
}

const takes = (state: DocumentState, { bytes }: StoredUpdate): boolean => includes(state, bytes)

/** Whether all of it finds what it builds on; then it is part of `state`. */
function includes(state: DocumentState, bytes: Uint8Array): boolean {
  const update = read(bytes)
  const cut = update === null ? null : cutUpdate(update, state)
  if (cut === null) return false
  if (cut.type === 'incomplete' || (cut.type === 'fits' && cut.dropped)) return false
  if (cut.type === 'fits') advanceState(state, cut)
  return true
}

/** Null for what no relay takes, though Yjs does: such as a link to an address that ends in `__proto__`. */
function read(bytes: Uint8Array): ValidUpdate | null {
  try {
    return validateUpdate(bytes, wholeDocument)
  } catch {
    return null // reason: that it is refused, and why, is what the relay says
  }
}
