/**
 * Every bound of the wire, named in one place.
 *
 * `wireLimits` bind both sides before anything is agreed. `RelayLimits` are what a relay announces in
 * `welcome`; these are its defaults, and an operator may lower or raise them.
 */
export const wireLimits = {
  /** Bytes of one WebSocket message; anything longer travels as `chunk` messages. */
  maxFrameBytes: 1 << 20,
  /** Messages in one frame of a client. */
  maxFrameMessages: 1_024,
  /** Bytes of one message put together from chunks. */
  maxMessageBytes: 64 << 20,
  /** The same for what a client says beside pushing and carrying. */
  maxRequestBytes: 4 << 20,
  /** Bytes of one WebSocket message before `welcome`. */
  maxHelloBytes: 16 << 10,
  /** Bytes of any name, id, token or sentence. */
  maxTextBytes: 4 << 10,
  /** Incarnations that `hello` names, newest first. */
  maxIncarnations: 16,
  /** Documents in one `changes` or `names` message. */
  maxItems: 4_096,
  /** Documents that a client may choose. */
  maxScopeDocuments: 10_000,
  /** Bytes of one awareness state. */
  maxAwarenessBytes: 64 << 10,
  /** Bytes of the awareness states in one message of a client. */
  maxAwarenessMessageBytes: 1 << 20,
  /** Longest time for which a relay may ask a client to hold its pushes. */
  maxHoldMs: 60_000,
  /** Time from the upgrade to a complete `hello`. */
  helloTimeoutMs: 10_000,
  /** The relay sends a `pong` at least this often when it has nothing else to say, so both sides notice a dead line. */
  heartbeatMs: 15_000,
  /** Silence after which a connection counts as dead. */
  silenceMs: 40_000,
} as const

/** What a relay announces; a client that stays within these is never refused for size. */
export interface RelayLimits {
  readonly maxFrameBytes: number
  readonly maxUpdateBytes: number
  readonly maxPushesInFlight: number
}

export const defaultRelayLimits: RelayLimits = {
  maxFrameBytes: wireLimits.maxFrameBytes,
  maxUpdateBytes: 16 << 20,
  maxPushesInFlight: 256,
}
