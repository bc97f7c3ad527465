/** What this package passes as the origin of its Yjs transactions, so that listeners can tell them apart. */
export const origins = Object.freeze({
  /** `entity.set`. */
  set: Object.freeze({ tidemark: 'set' }),
  /** `definition.initialise`. */
  initialise: Object.freeze({ tidemark: 'initialise' }),
})
