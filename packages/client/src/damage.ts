/**
 * Finds what Yjs cannot read in a stored document.
 *
 * Bytes may be damaged on the disk, or come from a build with a fault: an update that throws would keep its
 * document from opening for good, and may leave a `Y.Doc` that looks well and never tells of a change again. So
 * a document that throws is given up, each part is tried by itself, and those that throw are quarantined.
 */
import type { LocalStore, QuarantineWrite, StoredDocument } from '@tidemark/store'
import { applyState } from '@tidemark/updates'
import * as Y from 'yjs'

/** Brings `doc` to what is stored, in one transaction; throws when a part of it cannot be read. */
export function applyStored(doc: Y.Doc, { snapshot, updates }: StoredDocument, origin: unknown): void {
  Y.transact(
    doc,
    () => {
      if (snapshot !== null) applyState(doc, snapshot, origin)
      for (const update of updates) Y.applyUpdate(doc, update.bytes, origin)
    },
    origin,
    false,
  )
}

/** The parts of the document that throw. */
export function findDamage({ record, snapshot, updates }: StoredDocument): QuarantineWrite[] {
  const { name, snapshotRevision } = record
  const damage: QuarantineWrite[] = []
  const attempt = (part: QuarantineWrite['part'], bytes: Uint8Array, apply: (doc: Y.Doc) => void): void => {
    const doc = new Y.Doc({ guid: name, gc: true })
    try {
      apply(doc)
    } catch (error) {
      damage.push({ name, part, bytes, reason: error instanceof Error ? error.message : String(error) })
    } finally {
      doc.destroy()
    }
  }
  if (snapshot !== null) attempt({ snapshotRevision }, snapshot.bytes, (doc) => applyState(doc, snapshot, null))
  for (const { writer, n, bytes } of updates) attempt({ writer, n }, bytes, (doc) => Y.applyUpdate(doc, bytes))
  return damage
}

/** The document without the parts that cannot be read; nothing is stored. */
export function intact(stored: StoredDocument): StoredDocument {
  const parts = new Set(findDamage(stored).map(({ part }) => JSON.stringify(part)))
  const isIntact = (part: QuarantineWrite['part']): boolean => !parts.has(JSON.stringify(part))
  return {
    ...stored,
    snapshot: isIntact({ snapshotRevision: stored.record.snapshotRevision }) ? stored.snapshot : null,
    updates: stored.updates.filter(({ writer, n }) => isIntact({ writer, n })),
  }
}

/** Quarantines what cannot be read of the document and gives what is left; null when nothing of it is damaged by itself. */
export async function withoutDamage(store: LocalStore, stored: StoredDocument): Promise<StoredDocument | null> {
  const quarantine = findDamage(stored)
  if (quarantine.length === 0) return null
  await store.commit({ quarantine })
  return (await store.load([stored.record.name])).get(stored.record.name) ?? null
}
