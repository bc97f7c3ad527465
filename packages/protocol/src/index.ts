export type { Awareness, AwarenessEntry } from './awareness.ts'
export type {
  Audit,
  Carry,
  Chunk,
  ClientFeatures,
  ClientMessage,
  Credit,
  Hello,
  Ping,
  Push,
  Scope,
  Subscribe,
  Token,
  Unsubscribe,
} from './client-messages.ts'
export { type CatchUp, type Cursor, commonSeq, type Incarnation, reachOf } from './cursor.ts'
export type { Lacking, Purged, RelayFeatures, Slow, Stale, State } from './document-messages.ts'
export { type Feature, features, knownFeatures } from './features.ts'
export {
  createClientFrameDecoder,
  createRelayFrameDecoder,
  encodeClientMessages,
  encodeRelayMessages,
  type FrameDecoder,
  relayFrames,
} from './frame.ts'
export { defaultRelayLimits, type RelayLimits, wireLimits } from './limits.ts'
export { documentName, isDocumentName, isEntityId, isEntityType, isSpaceName, parseDocumentName } from './names.ts'
export {
  type Access,
  type AccessChange,
  type Ack,
  accessLevels,
  type Bye,
  type CatchUpChanges,
  type Change,
  type Changes,
  type LiveChanges,
  type Names,
  type Pong,
  type Refuse,
  type RelayMessage,
  type Welcome,
} from './relay-messages.ts'
export { type Connect, closeCodes, type Socket, type SocketHandlers } from './socket.ts'
export { wireVersion } from './version.ts'
