/**
 * Work that would hold the event loop for too long, as a port: pure jobs, run here or in threads of their own.
 *
 * Why it exists: whoever sends sixteen megabytes of the smallest structs must not make everybody else wait while they are read.
 *
 * Invariants
 * 1. A job depends on nothing but its input, and changes nothing.
 * 2. What a job throws is a `TidemarkError`, wherever it runs.
 */
import { toTidemarkError } from '@tidemark/base'
import { decodeStateVector, diffForStateVector, emptyState, include, validateUpdate, wholeDocument } from '@tidemark/updates'
import { type Audited, isLackingIn } from '../audit.ts'
import { type Judged, judgeUpdate, type ShapeBounds } from '../judged.ts'
import { type Placed, readPlaced } from '../placed.ts'
import { encodeStep2, encodeStockUpdate } from '../stock-wire.ts'
import { type PackedCut, type PackedState, packCut, packState, unpackState } from './packing.ts'

/** What can be asked, and what is answered. */
export interface Jobs {
  /** The state that a document's bytes add up to, with its entries where somebody watches over them. */
  load: Job<
    { readonly update: Uint8Array; readonly isGuarded: boolean },
    { readonly state: PackedState; readonly placed: readonly Placed[] }
  >
  /** Validates an update and cuts it to what a document of this state lacks. */
  judge: Job<
    { readonly update: Uint8Array; readonly known: PackedState; readonly isGuarded: boolean; readonly bounds: ShapeBounds },
    Exclude<Judged, { readonly type: 'fits' }> | { readonly type: 'fits'; readonly cut: PackedCut; readonly placed: readonly Placed[] }
  >
  /** Whether a document of this state lacks something that somebody else has. */
  audit: Job<{ readonly audited: Audited; readonly known: PackedState }, boolean>
  /** What of a state somebody with this state vector lacks. */
  diff: Job<{ readonly update: Uint8Array; readonly stateVector: Uint8Array }, Uint8Array>
  /** The same as the message that a stock client is sent; everything where it fell behind and named none. */
  answer: Job<{ readonly update: Uint8Array; readonly stateVector: Uint8Array | null }, Uint8Array>
}

interface Job<I, O> {
  readonly input: I
  readonly output: O
}

export type JobKind = keyof Jobs

export interface Work {
  /** Jobs that took too long and were ended; nothing where that cannot be. */
  readonly ended?: number
  /**
   * Runs one job.
   *
   * The input is given away: what buffers it has for itself may be gone afterwards, since copying them would take as long as many a job.
   *
   * @param lane whose it is: everybody's turn comes, however much another one asks.
   * @throws {TidemarkError} what the job throws, `relay/too-large` when it takes longer or more memory than it may,
   * `relay/busy` when the work is closed.
   */
  run<K extends JobKind>(kind: K, input: Jobs[K]['input'], lane: string): Promise<Jobs[K]['output']>
  close(): Promise<void>
}

const jobs: { readonly [K in JobKind]: (input: Jobs[K]['input']) => Jobs[K]['output'] } = {
  load: ({ update, isGuarded }) => {
    const valid = validateUpdate(update, wholeDocument)
    const state = emptyState()
    include(state, valid)
    return { state: packState(state), placed: isGuarded ? readPlaced(valid, Number.POSITIVE_INFINITY) : [] }
  },
  judge: ({ update, known, isGuarded, bounds }) => {
    const judged = judgeUpdate(validateUpdate(update), unpackState(known), isGuarded, bounds)
    return judged.type === 'fits' ? { type: 'fits', cut: packCut(judged.cut), placed: judged.placed } : judged
  },
  audit: ({ known, audited }) => isLackingIn(unpackState(known), audited),
  diff: ({ update, stateVector }) => diffOf(update, stateVector),
  answer: ({ update, stateVector }) => (stateVector === null ? encodeStockUpdate(update) : encodeStep2(diffOf(update, stateVector))),
}

function diffOf(update: Uint8Array, stateVector: Uint8Array): Uint8Array {
  decodeStateVector(stateVector)
  return diffForStateVector(update, stateVector)
}

/** Does a job here and now. @throws {TidemarkError} what is wrong with its input. */
export function doJob<K extends JobKind>(kind: K, input: Jobs[K]['input']): Jobs[K]['output'] {
  try {
    return jobs[kind](input)
  } catch (cause) {
    throw toTidemarkError(cause, 'updates/invalid')
  }
}

/** Everything on the calling thread, for tests, for the simulator, and where the bytes come from people who are trusted. */
export const inlineWork: Work = {
  run: async (kind, input) => doJob(kind, input),
  close: async () => undefined,
}
