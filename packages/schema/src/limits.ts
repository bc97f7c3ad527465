/** Every bound of this package, in one place. */
export const limits = {
  /** Fields of one entity. */
  fields: 256,
  /** Entries that a prune leaves of one field; it starts above twice as many. */
  keptEntries: 16,
  /** Canonical JSON of one field's value, in UTF-8. */
  valueBytes: 64 * 1024,
  /** Arrays and objects inside one another in a value; also what ends a cycle. */
  valueDepth: 64,
  /** Plain text of a text field in a row. */
  previewCharacters: 160,
  /** Yjs items visited for one preview, so that a huge document costs no more than a small one. */
  previewItems: 4_096,
  /** Elements inside one another that a preview follows. */
  previewDepth: 32,
  /** How far ahead of the local clock a stamp may be and still be adopted. */
  stampAheadMs: 60_000,
} as const
