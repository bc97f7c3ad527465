/**
 * Every bound of the relay that the wire does not announce, named in one place.
 *
 * What a client is told (`RelayLimits` of the protocol) stands in `announced`; the rest is the relay's own
 * protection. An operator may change any of them.
 */
import { defaultRelayLimits, type RelayLimits, wireLimits } from '@tidemark/protocol'
import type { Rate } from './pacer.ts'

export interface RelayBounds {
  /** What `welcome` announces. */
  readonly announced: RelayLimits
  /** Updates in one append; also documents in one live frame, so never above the wire's `maxItems`. */
  readonly maxBatchItems: number
  /** Bytes of updates in one append, except that one update always fits. */
  readonly maxBatchBytes: number
  /** Bytes of updates that wait for a commit, over all sessions; beyond it pushes are refused as busy. */
  readonly maxQueuedBytes: number
  /** Bytes of one session's pushes that wait for a commit; beyond it they are refused as busy. */
  readonly maxSessionQueuedBytes: number
  /** Document states kept in memory to judge pushes by. */
  readonly maxHotDocuments: number
  /** Estimated bytes of those states. */
  readonly maxHotBytes: number
  /** Commits kept in memory per space for live readers. */
  readonly maxRingItems: number
  /** Bytes of updates in those commits. */
  readonly maxRingBytes: number
  /** A reader further behind than this many places catches up by document instead of following commit by commit. */
  readonly maxLiveLag: number
  /** Bytes read from the log for one session at a time. */
  readonly maxPageBytes: number
  /** Updates or documents read from the log for one session at a time. */
  readonly maxPageItems: number
  /** Credit that a client can have at a time, whatever it grants. */
  readonly maxCreditBytes: number
  /** A session whose socket holds more unsent bytes than this is not fed until they are gone. */
  readonly highWaterBytes: number
  /** A session whose socket holds more unsent bytes than this is closed: it answers nothing and reads nothing. */
  readonly maxBufferedBytes: number
  /** When a session over its high water is looked at again; twice as long each time that it still is, up to 64 times. */
  readonly drainCheckMs: number
  /** Spaces open at a time; beyond it a `hello` is answered with `relay/limit`. */
  readonly maxSpaces: number
  /** Spaces kept open without a session. */
  readonly maxIdleSpaces: number
  /** Documents in which one session may be present. */
  readonly maxPresences: number
  /** In a listing by document, what is larger is named and asked for by who needs it. */
  readonly maxRepeatBytes: number
  /** Bytes waiting for the log from which on clients are told to hold their pushes; twice as much, twice as long. */
  readonly slowBytes: number
  readonly slowHoldMs: number
  /** Awareness states that one session may own in one document. */
  readonly maxAwarenessStates: number
  /** Bytes of the awareness states of one document; what would make them more is left out. */
  readonly maxRoomBytes: number
  /** Bytes of one awareness message. */
  readonly maxAwarenessBytes: number
  /** A room of presence is told at most this often, and waits longer, up to the most, the more bytes that is for all in it. */
  readonly presenceGatherMs: number
  readonly presenceGatherMaxMs: number
  readonly presenceBytesPerMs: number
  /** Updates, bytes of updates, and requests for states that one connection may send; what comes faster waits its turn. */
  readonly updateRate: Rate
  readonly byteRate: Rate
  readonly requestRate: Rate
  /** How many times a connection's rates all connections of one principal have together. */
  readonly principalRateFactor: number
  /** Connections of one principal. */
  readonly maxSessionsPerPrincipal: number
  /** Bytes of updates that are read on the event loop in one turn; what is larger, alone or together, is read elsewhere or later. */
  readonly maxInlineBytes: number
  /** Root types of one document. */
  readonly maxRoots: number
  /** Types within types of one document. */
  readonly maxTypes: number
  /** How many types deep one document may be nested. */
  readonly maxDepth: number
  /** Client ids that have written to one document. */
  readonly maxClients: number
  /** Deleted ranges and changes of place in one document's history, which its state keeps in memory. */
  readonly maxRanges: number
  /** Client ids that one push may be the first to use. */
  readonly maxNewClients: number
  /** Bytes that the log may have of one document; beyond it pushes to it are refused as too large. */
  readonly maxDocumentBytes: number
  /** A document that is refused something for its size is read from the log again at most this often: it may have been compacted. */
  readonly reloadMs: number
  /** Bytes that the log may have of one space; beyond it pushes to it are refused. */
  readonly maxSpaceBytes: number
  /** How long a hook of the app may take. */
  readonly hookTimeoutMs: number
  /** When an intent is shown to a failing `arbitrate` again: after half of this or more, doubling to the most. */
  readonly arbitrateRetryMs: number
  readonly arbitrateRetryMaxMs: number
  /** When clients are told to come back after a stop: spread evenly from `restartMinMs` over `restartSpreadMs`. */
  readonly restartMinMs: number
  readonly restartSpreadMs: number
}

export const defaultRelayBounds: RelayBounds = {
  announced: defaultRelayLimits,
  maxBatchItems: Math.min(2_048, wireLimits.maxItems),
  maxBatchBytes: 8 << 20,
  maxQueuedBytes: 256 << 20,
  maxSessionQueuedBytes: 64 << 20,
  maxHotDocuments: 20_000,
  maxHotBytes: 64 << 20,
  maxRingItems: 1_024,
  maxRingBytes: 4 << 20,
  maxLiveLag: 10_000,
  maxPageBytes: 128 << 10,
  maxPageItems: 1_024,
  maxCreditBytes: 64 << 20,
  highWaterBytes: 64 << 10,
  maxBufferedBytes: 32 << 20,
  drainCheckMs: 4,
  maxSpaces: 10_000,
  maxIdleSpaces: 256,
  maxPresences: 64,
  maxRepeatBytes: 64 << 10,
  slowBytes: 32 << 20,
  slowHoldMs: 500,
  maxAwarenessStates: 16,
  maxRoomBytes: 4 << 20,
  maxAwarenessBytes: 64 << 10,
  presenceGatherMs: 20,
  presenceGatherMaxMs: 1_000,
  presenceBytesPerMs: 16 << 10,
  updateRate: { perSecond: 2_000, burst: 10_000 },
  byteRate: { perSecond: 16 << 20, burst: 64 << 20 },
  requestRate: { perSecond: 100, burst: 1_000 },
  principalRateFactor: 4,
  maxSessionsPerPrincipal: 256,
  maxInlineBytes: 32 << 10,
  maxRoots: 1_024,
  maxTypes: 200_000,
  maxDepth: 128,
  maxClients: 50_000,
  maxRanges: 200_000,
  maxNewClients: 1_000,
  maxDocumentBytes: wireLimits.maxMessageBytes,
  reloadMs: 5_000,
  maxSpaceBytes: 16 * 2 ** 30,
  hookTimeoutMs: 10_000,
  arbitrateRetryMs: 1_000,
  arbitrateRetryMaxMs: 60_000,
  restartMinMs: 500,
  restartSpreadMs: 5_000,
}
