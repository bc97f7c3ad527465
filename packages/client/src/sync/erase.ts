/**
 * Takes documents off this device that were erased for good at the relay.
 *
 * What the relay never acknowledged stays, since it is nowhere else: it is shown as refused with `relay/purged`, to be exported.
 * Of everything else nothing is left but the name, so that nobody takes it again.
 */
import { type Clock, TidemarkError } from '@tidemark/base'
import { parseDocumentName } from '@tidemark/protocol'
import type { LocalStore, Row } from '@tidemark/store'
import { emptyUpdate } from '@tidemark/updates'
import type { RowAt } from '../tabs.ts'
import type { EngineEvent } from './engine-options.ts'

export interface Erased {
  /** Those that were here. */
  readonly names: readonly string[]
  /** The rows of those of which nothing is left. */
  readonly rows: readonly RowAt[]
}

/** Erases what the relay says was erased there, and tells of it. */
export async function erase(store: LocalStore, clock: Clock, purged: readonly string[], tell: (event: EngineEvent) => void): Promise<void> {
  const error = new TidemarkError('relay/purged', 'it was erased at the relay')
  const { names, rows } = await eraseDocuments(store, clock, purged)
  tell({ type: 'erased', rows })
  for (const name of names) tell({ type: 'refused', name, error })
}

export async function eraseDocuments(store: LocalStore, clock: Clock, purged: readonly string[]): Promise<Erased> {
  const names = [...(await store.load(purged)).keys()]
  const rows: RowAt[] = []
  for (const name of names) {
    let row = await eraseOne(store, clock, name)
    // Another tab was compacting it.
    while (row === 'again') row = await eraseOne(store, clock, name)
    if (row !== null) rows.push(row)
  }
  return { names, rows }
}

async function eraseOne(store: LocalStore, clock: Clock, name: string): Promise<RowAt | 'again' | null> {
  const stored = (await store.load([name])).get(name)
  if (stored === undefined) return null
  const { record, updates } = stored
  const docs = [{ name, problem: 'relay/purged', carry: false }]
  if (record.pendingSinceMs !== null) {
    await store.commit({ docs })
    return null
  }
  const replaces = updates.map(({ writer, n, bytes }) => ({ writer, n, size: bytes.length }))
  const parsed = parseDocumentName(name)
  const row = parsed === null ? null : nothingLeft(parsed, 'erased for good', clock.now())
  const { snapshots } = await store.commit({
    docs,
    snapshots: [{ name, bytes: emptyUpdate, format: 'v1', follows: record.snapshotRevision, replaces }],
    rows: row === null ? [] : [{ ...row, name, reflects: record.revision }],
  })
  if (!snapshots.has(name)) return 'again'
  return row === null ? null : { row, revision: record.revision }
}

/** The row of a document of which nothing is left here. Lists pass over what is deleted. */
export const nothingLeft = ({ type, id }: { readonly type: string; readonly id: string }, reason: string, at: number): Row => ({
  type,
  id,
  value: { $deleted: { user: '', at, reason, edited: false } },
})
