/** What the local-database bench asks of each contender, inside a page. */
import type * as Y from 'yjs'

/** A document as a first catch-up would leave it: one update, and the row that lists show of it. */
export interface SeedDocument {
  readonly id: string
  readonly update: Uint8Array
  readonly row: unknown
}

/** An open document to write in. */
export interface Writing {
  readonly doc: Y.Doc
  /** Resolves when everything written so far is in the database: its transactions are complete. */
  durable(): Promise<void>
}

export interface Opened {
  /** Characters of all bodies, so that nobody opens less than the others. */
  readonly characters: number
  /** Keeps what was opened alive. */
  readonly kept: readonly unknown[]
}

/** Everything begins with a page that has just loaded: each call opens the database itself. */
export interface Contender {
  fill(documents: readonly SeedDocument[]): Promise<void>
  /** Reads all rows; null where there is no such thing as a row. */
  list(): Promise<readonly unknown[] | null>
  openAll(ids: readonly string[]): Promise<Opened>
  /** Opens one document to write in; makes it when it is not there. */
  write(id: string): Promise<Writing>
  /** Many documents to write in. */
  writeMany(ids: readonly string[]): Promise<readonly Writing[]>
  /** Puts one large document there: its state, and the last updates as they were typed. */
  putLarge(id: string, state: Uint8Array, updates: readonly Uint8Array[]): Promise<void>
}

export const bodyOf = (doc: Y.Doc): Y.Text => doc.getText('body')
