/** Bounds on one update; anything over them is `updates/invalid`. The frame that carried it was bounded before. */
export const updateLimits = {
  maxStructs: 500_000,
  maxClients: 100_000,
  maxDeleteRanges: 500_000,
  /** Exclusive end of any clock; Yjs itself fails near 2^53. */
  maxClock: 2 ** 31,
  /** Exclusive end of client ids: Yjs draws 32 bits. */
  maxClient: 2 ** 32,
  /** Nesting of one JSON-like value. */
  maxValueDepth: 64,
  /** Bytes of a root type's name, a map key, an element name or a format name. */
  maxNameBytes: 1_024,
  /** How many updates `mergeUpdates` gets at once: its time grows with the square of their number. */
  mergeGroup: 64,
  /** A whole state above this is kept V2 at rest. */
  maxV1StateBytes: 64 << 10,
} as const
