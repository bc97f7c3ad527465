/** What this package passes as the origin of its Yjs transactions, so that listeners can tell them apart. */
export const origins = Object.freeze({
  /** `entity.set`, and every other write to fields. */
  set: Object.freeze({ tidemark: 'set' }),
  /** `entity.delete` and `entity.restore`. */
  life: Object.freeze({ tidemark: 'life' }),
  /** `arbitrate`. */
  arbitrate: Object.freeze({ tidemark: 'arbitrate' }),
  /** `definition.initialise`. */
  initialise: Object.freeze({ tidemark: 'initialise' }),
})
