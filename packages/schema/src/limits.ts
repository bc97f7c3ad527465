/** Every bound of this package, in one place. */
export const limits = {
  /** Fields of one entity. */
  fields: 256,
  /** Entries that a prune leaves of one field; it starts above twice as many. */
  keptEntries: 16,
  /** Entries of one field above which a prune no longer waits for what it removes to be covered everywhere. */
  uncoveredEntries: 128,
  /** Canonical JSON of one field's value, in UTF-8. */
  valueBytes: 64 * 1024,
  /** Canonical JSON of one value of a critical or arbitrated field, in UTF-8: a decision keeps every value that it rejected. */
  criticalBytes: 4 * 1024,
  /** The reason of a decision, in UTF-8. */
  reasonBytes: 2 * 1024,
  /** Heads of one field above which a report is raised: somebody writes without reading. */
  heads: 16,
  /** Items of one set or list. */
  items: 10_000,
  /** Steps that a user can undo in one entity. */
  undoSteps: 1_000,
  /** Changes of text that are undone as one step, though no pause came between them. */
  undoChanges: 200,
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
