/** What the relay says beside the feed: about single documents, and about itself. Their bytes stand in `relay-messages.ts`. */

/** Documents of the listing under way that changed and are too large to be repeated: to be asked for by `subscribe`. */
export interface Stale {
  readonly type: 'stale'
  /** The listing's end: what is asked for has at least this. */
  readonly seq: number
  readonly numbers: readonly number[]
}

/** The answer to `subscribe`. */
export interface State {
  readonly type: 'state'
  readonly document: string
  /** Everything up to here is in it; 0 when the relay has no such document. */
  readonly seq: number
  /** Of what the relay has, in Yjs's encoding. */
  readonly stateVector: Uint8Array
  /** V1: what the asked-for state vector lacks, with the whole delete set. */
  readonly update: Uint8Array
}

/** The relay does not have all that was audited: the document is to be carried. */
export interface Lacking {
  readonly type: 'lacking'
  readonly document: string
}

/** Much waits for the log: hold your pushes so long. */
export interface Slow {
  readonly type: 'slow'
  readonly holdMs: number
}

/** Documents that were erased for good; ahead of the `changes` that pass the place of it, or in answer to `subscribe`. */
export interface Purged {
  readonly type: 'purged'
  readonly documents: readonly string[]
}

/** What the relay offers beyond version 1's first build; ahead of `welcome`. */
export interface RelayFeatures {
  readonly type: 'features'
  readonly features: readonly string[]
}
