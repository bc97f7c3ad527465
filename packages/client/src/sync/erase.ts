/**
 * Takes documents off this device that were erased for good at the relay.
 *
 * What the relay never acknowledged stays, since it is nowhere else: it is shown as refused with `relay/purged`, to be exported.
 * Of everything else nothing is left but the name, so that nobody takes it again.
 */
import { type Clock, TidemarkError } from '@tidemark/base'
import { parseDocumentName } from '@tidemark/protocol'
import type { Acknowledged, LocalStore, Row, StoredDocument } from '@tidemark/store'
import { emptyUpdate } from '@tidemark/updates'
import type { RowAt } from '../tabs.ts'
import type { EngineEvent } from './engine-options.ts'

/**
 * Erases what the relay says was erased there, and tells of it.
 *
 * @param acknowledged - What the relay had taken of them before, and says so only now.
 */
export async function eraseDocuments(
  store: LocalStore,
  clock: Clock,
  purged: readonly string[],
  acknowledged: readonly Acknowledged[],
  tell: (event: EngineEvent) => void,
): Promise<void> {
  const names = [...(await store.load(purged)).keys()]
  /** Of those of which nothing is left. */
  const rows: RowAt[] = []
  for (const name of names) {
    const own = acknowledged.filter((one) => one.name === name)
    let row = await eraseOne(store, clock, name, own)
    while (row === 'again') row = await eraseOne(store, clock, name, own)
    if (row !== null) rows.push(row)
  }
  tell({ type: 'erased', rows })
  const error = new TidemarkError('relay/purged', 'it was erased at the relay')
  for (const name of names) tell({ type: 'refused', name, error })
}

/** `again` where it changed meanwhile: another tab compacted it, or what was unsent of it is acknowledged by now. */
async function eraseOne(
  store: LocalStore,
  clock: Clock,
  name: string,
  acknowledged: readonly Acknowledged[],
): Promise<RowAt | 'again' | null> {
  const stored = (await store.load([name])).get(name)
  if (stored === undefined) return null
  const { record, updates } = stored
  const docs = [{ name, problem: 'relay/purged', carry: false }]
  if (isUnsent(stored, acknowledged)) {
    await store.commit({ docs, acknowledged })
    const now = (await store.load([name])).get(name)
    return now !== undefined && !isUnsent(now, []) ? 'again' : null
  }
  const replaces = updates.map(({ writer, n, bytes }) => ({ writer, n, size: bytes.length }))
  const parsed = parseDocumentName(name)
  const row = parsed === null ? null : nothingLeft(parsed, 'erased for good', clock.now())
  const { snapshots } = await store.commit({
    docs,
    acknowledged,
    snapshots: [{ name, bytes: emptyUpdate, format: 'v1', follows: record.snapshotRevision, replaces }],
    rows: row === null ? [] : [{ ...row, name, reflects: record.revision }],
  })
  if (!snapshots.has(name)) return 'again'
  return row === null ? null : { row, revision: record.revision }
}

/** Whether there is more to it than the relay has said it took. */
const isUnsent = ({ record }: StoredDocument, acknowledged: readonly Acknowledged[]): boolean =>
  Object.entries(record.pending).some(([writer, { to }]) => !acknowledged.some((one) => one.writer === writer && one.upTo >= to))

/** The row of a document of which nothing is left here. Lists pass over what is deleted. */
export const nothingLeft = ({ type, id }: { readonly type: string; readonly id: string }, reason: string, at: number): Row => ({
  type,
  id,
  value: { $deleted: { user: '', at, reason, edited: false } },
})
