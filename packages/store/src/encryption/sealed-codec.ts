/**
 * The codec that seals: what stands in the database for names, values and bytes, under the keys of a sealer.
 *
 * In the clear stay what a commit must see inside its transaction: revisions, marks, sequence numbers, sizes, times,
 * writers, origins, and codes of refusals. From them one learns how many documents there are, how large, and when they
 * changed; not what they are called and not what is in them.
 */
import type { Batch, Committed, QuarantineWrite } from '../batch.ts'
import { canonicalJson } from '../canonical-json.ts'
import { type EncodedBatch, encodePlain } from '../encoded.ts'
import type { Codec } from '../idb-codec.ts'
import { keyOfValue, type PageRow, valueKey } from '../idb-layout.ts'
import type { DamagedPart, Json, QuarantinedRecord, Row, Snapshot, StoredUpdate } from '../stored.ts'
import { places } from './places.ts'
import type { Sealer } from './sealer.ts'
import { fromUtf8, toUtf8 } from './text-bytes.ts'

/** @param sealer gives the keys of the moment; throws `store/locked` when there are none. */
export function sealedCodec(sealer: () => Sealer): Codec {
  return {
    encode: (batch) => encode(sealer(), batch),
    keyOfName: (name) => sealer().key('document', name),
    keyOfType: (type) => sealer().key('type', type),
    name: ({ name }) => sealer().name('document', name),
    committed: (committed) => namedAgain(sealer(), committed),
    update: async ({ size: _, ...row }) => ({
      ...row,
      name: await sealer().name('document', row.name),
      bytes: await sealer().open(places.update(row), row.bytes),
    }),
    snapshot: async ({ name, bytes, format = 'v1' }): Promise<Snapshot> => ({
      bytes: await sealer().open(places.snapshot(name), bytes),
      format,
    }),
    row: async ({ type, id, value }) => {
      const [plainId, plain] = (await openJson(sealer(), places.row({ type, id }), value)) as [string, Json]
      return { type: await sealer().name('type', type), id: plainId, value: plain }
    },
    page: (page) => openPage(sealer(), page),
    refused: async (row) => ({
      ...row,
      name: await sealer().name('document', row.name),
      bytes: await sealer().open(places.update(row), row.bytes),
    }),
    quarantined: (row) => openQuarantined(sealer(), row),
    value: async ({ key, value }) => {
      const sealed = keyOfValue(key) ?? key
      return [await sealer().name('value', sealed), await openJson(sealer(), places.value(key), value)]
    },
    cursor: ({ value }) => openJson(sealer(), places.cursor, value),
  }
}

async function encode(sealer: Sealer, batch: Batch): Promise<EncodedBatch> {
  const key = (name: string): Promise<string> => sealer.key('document', name)
  const keyed = async <T extends { readonly name: string }>(one: T): Promise<T> => ({ ...one, name: await key(one.name) })
  const sealedUpdate = async <T extends Pick<StoredUpdate, 'name' | 'writer' | 'n' | 'bytes'>>(one: T): Promise<T> => {
    const own = await keyed(one)
    return { ...own, size: own.bytes.length, bytes: await sealer.seal(places.update(own), own.bytes) }
  }
  // Counted before anything is sealed: a key that is replaced on the way refuses all of it.
  const { epoch } = sealer
  const plain = encodePlain(batch)
  const [updates, acknowledged, docs, rows, snapshots, folds, forks, quarantine, discards, cursor, values] = await Promise.all([
    all(plain.updates, sealedUpdate),
    all(plain.acknowledged, keyed),
    all(plain.docs, keyed),
    all(batch.rows ?? [], async ({ type, id, name, reflects, value }) => {
      const [typeKey, idKey, nameKey] = await Promise.all([sealer.key('type', type), sealer.key('id', id), key(name)])
      const body = await sealJson(sealer, places.row({ type: typeKey, id: idKey }), [id, value])
      return { type: typeKey, id: idKey, name: nameKey, reflects, body }
    }),
    all(plain.snapshots, async (one) => {
      const name = await key(one.name)
      return { ...one, name, size: one.bytes.length, bytes: await sealer.seal(places.snapshot(name), one.bytes) }
    }),
    all(plain.folds, async (one) => {
      const name = await key(one.name)
      const place = places.update({ name, writer: one.writer, n: one.replaces.at(-1) ?? 0 })
      return { ...one, name, size: one.bytes.length, bytes: await sealer.seal(place, one.bytes) }
    }),
    all(plain.forks, async (one) => ({ ...(await keyed(one)), refused: await all(one.refused, sealedUpdate) })),
    all(plain.quarantine, (one) => sealQuarantine(sealer, one)),
    all(plain.discards, keyed),
    batch.cursor === undefined ? null : sealCursor(sealer, batch.cursor),
    all(Object.entries(batch.state ?? {}), async ([name, value]) => {
      const sealed = await sealer.key('value', name)
      return { key: sealed, body: await sealJson(sealer, places.value(valueKey(sealed)), value) }
    }),
  ])
  return { updates, acknowledged, docs, rows, snapshots, folds, forks, quarantine, discards, cursor, values, labels: null, epoch }
}

const all = <T, R>(items: readonly T[], make: (item: T) => Promise<R>): Promise<R[]> => Promise.all(items.map(make))

/** Keys are names again for whoever asked for the commit. */
async function namedAgain(sealer: Sealer, { revisions, snapshots, forks, aside }: Committed): Promise<Committed> {
  const name = (key: string): Promise<string> => sealer.name('document', key)
  const set = async (keys: ReadonlySet<string>): Promise<ReadonlySet<string>> => new Set(await all([...keys], name))
  return {
    revisions: new Map(await all([...revisions], async ([key, revision]) => [await name(key), revision] as const)),
    snapshots: await set(snapshots),
    forks: await set(forks),
    aside: await set(aside),
  }
}

async function sealCursor(sealer: Sealer, { follows, next }: { follows: Json; next: Json }): Promise<NonNullable<EncodedBatch['cursor']>> {
  const [before, after, body] = await Promise.all([tagOf(sealer, follows), tagOf(sealer, next), sealJson(sealer, places.cursor, next)])
  return { follows: before, next: { tag: after, body } }
}

/** `null` before the first, as in the clear. */
const tagOf = async (sealer: Sealer, cursor: Json): Promise<string> => (cursor === null ? 'null' : await sealer.tag(canonicalJson(cursor)))

export const sealJson = (sealer: Sealer, place: string, value: Json): Promise<Uint8Array<ArrayBuffer>> =>
  sealer.seal(place, toUtf8(JSON.stringify(value)))

export const openJson = async (sealer: Sealer, place: string, body: unknown): Promise<Json> =>
  JSON.parse(fromUtf8(await sealer.open(place, body))) as Json

/** Rows of a page as `[id, value]`, in order of id. */
export async function openPage(sealer: Sealer, page: PageRow): Promise<Row[]> {
  const [type, rows] = await Promise.all([sealer.name('type', page.type), openJson(sealer, places.page(page), page.body)])
  return (rows as [string, Json][]).map(([id, value]) => ({ type, id, value }))
}

/** The reason may quote what was in the record, so it is sealed with the bytes. */
async function sealQuarantine(sealer: Sealer, write: QuarantineWrite): Promise<QuarantineWrite> {
  const name = await sealer.key('document', write.name)
  const reason = toUtf8(JSON.stringify(write.reason))
  const body = new Uint8Array(4 + reason.length + write.bytes.length)
  new DataView(body.buffer).setUint32(0, reason.length, true)
  body.set(reason, 4)
  body.set(write.bytes, 4 + reason.length)
  const size = write.bytes.length
  return {
    name,
    part: await sealPart(sealer, write.part),
    size,
    bytes: await sealer.seal(places.quarantine(name), body),
    reason: sealedReason,
  }
}

/** Stands for the reason of a record that was quarantined in the clear, and so is sealed. */
const sealedReason = 'sealed'

async function sealPart(sealer: Sealer, part: DamagedPart): Promise<DamagedPart> {
  if (part === 'record' || !('type' in part)) return part
  const [type, id] = await Promise.all([sealer.key('type', part.type), sealer.key('id', part.id)])
  return { type, id }
}

/** What was quarantined because it did not open is given as it stood. */
async function openQuarantined(sealer: Sealer, row: QuarantinedRecord): Promise<QuarantinedRecord> {
  const name = await sealer.name('document', row.name).catch(() => row.name)
  if (row.reason !== sealedReason) return { ...row, name }
  const body = await sealer.open(places.quarantine(row.name), row.bytes)
  const length = new DataView(body.buffer, body.byteOffset).getUint32(0, true)
  const reason = JSON.parse(fromUtf8(body.subarray(4, 4 + length))) as string
  const part = row.part
  if (part === 'record' || !('type' in part)) return { ...row, name, reason, bytes: body.slice(4 + length) }
  const [type, id] = await Promise.all([sealer.name('type', part.type), sealer.name('id', part.id)])
  return { ...row, name, part: { type, id }, reason, bytes: body.slice(4 + length) }
}
