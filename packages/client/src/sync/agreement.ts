/** What a client says right behind the welcome of a relay that offers more than version 1's first build. */
import { type ClientMessage, type Cursor, type Feature, features, wireLimits } from '@tidemark/protocol'

/** Bytes of changes that may be on their way to this replica. */
export const creditBytes = 4 << 20

/** What the cursor calls the documents on this device. */
export const chosenScope = 'opened'

/** What this build understands, and, where documents are chosen, which ones the relay is to send. */
export function agreement(offers: ReadonlySet<Feature>, { seq }: Cursor, chosen: readonly string[] | null): ClientMessage[] {
  const spoken: ClientMessage[] = offers.size === 0 ? [] : [{ type: 'features', features }]
  if (chosen === null) return spoken
  const documents = chosen.slice(0, wireLimits.maxScopeDocuments)
  return [...spoken, { type: 'scope', seq, documents }, { type: 'credit', bytes: creditBytes }]
}
