/** What a commit put into the database, as the other parts of a tab and the other tabs hear of it. */
import type { StoredUpdate } from '@tidemark/store'

export interface StoredDocuments {
  readonly updates: readonly StoredUpdate[]
  /** The new revision of each document named in `updates`. */
  readonly revisions: ReadonlyMap<string, number>
}
