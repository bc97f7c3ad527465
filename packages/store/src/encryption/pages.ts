/**
 * Folds sealed rows into pages of many.
 *
 * Why it exists: opening ten thousand sealed rows one by one costs ten thousand calls into WebCrypto; forty pages cost forty.
 *
 * Invariants
 * 1. Pages and singles change in one transaction, and only while they are exactly what was read: who reads sees
 *    each row once, as it was written last.
 * 2. A row that was written meanwhile stays a single, and wins.
 */
import type { Connection } from '../idb-connection.ts'
import { beginningWith, keysKey, type PageRow, type RowRow, type StateRow } from '../idb-layout.ts'
import { resultOf } from '../idb-request.ts'
import type { Json, Row } from '../stored.ts'
import { places } from './places.ts'
import { openJson, openPage, sealJson } from './sealed-codec.ts'
import type { Sealer } from './sealer.ts'

export const pageLimits = {
  /** Rows in one page. */
  rows: 256,
  /** Singles of a type that are worth folding; also no fewer than a share of its pages, so that folding costs little per row. */
  minSingles: 256,
  /** Singles for each page that there is. */
  singlesPerPage: 32,
  /** Rows folded at once. */
  maxSingles: 20_000,
} as const

/** Folds the rows of one type, if any type has enough; whether something was folded. */
export async function foldRows(connection: Connection, sealer: Sealer): Promise<boolean> {
  const found = await connection.run('readonly', findFoldable)
  if (found === null) return false
  const { type, singles, pages } = found
  const { epoch } = sealer
  const opened = await Promise.all(pages.map((page) => openPage(sealer, page).catch(() => null)))
  // A damaged page is left to whoever reads it.
  if (opened.includes(null)) return false
  const fresh = await Promise.all(singles.map((row) => openSingle(sealer, row)))
  const rows = new Map([...opened.flatMap((page) => page ?? []), ...fresh.filter((row) => row !== null)].map((row) => [row.id, row.value]))
  const ordered = [...rows].sort(([a], [b]) => (a < b ? -1 : 1))
  const next: PageRow[] = []
  for (let at = 0; at < ordered.length; at += pageLimits.rows) {
    const number = next.length
    const body = await sealJson(sealer, places.page({ type, number }), ordered.slice(at, at + pageLimits.rows) as unknown as Json)
    next.push({ type, number, body })
  }
  const folded = singles.filter((_, i) => fresh[i] !== null)
  return await connection.run('readwrite', (transaction) => replace(transaction, { type, singles: folded, pages }, next, epoch))
}

interface Foldable {
  readonly type: string
  readonly singles: readonly RowRow[]
  readonly pages: readonly PageRow[]
}

async function findFoldable(transaction: IDBTransaction): Promise<Foldable | null> {
  const rows = transaction.objectStore('rows')
  const stored = transaction.objectStore('pages')
  let after: IDBKeyRange | null = null
  for (;;) {
    const first: IDBValidKey | undefined = (await resultOf(rows.getAllKeys(after, 1)))[0]
    if (first === undefined) return null
    const type = (first as [string, string])[0]
    const range = beginningWith(type)
    const [count, pageCount] = await Promise.all([resultOf(rows.count(range)), resultOf(stored.count(range))])
    if (count >= Math.max(pageLimits.minSingles, pageCount * pageLimits.singlesPerPage)) {
      const [singles, pages] = await Promise.all([
        resultOf<RowRow[]>(rows.getAll(range, pageLimits.maxSingles)),
        resultOf<PageRow[]>(stored.getAll(range)),
      ])
      return { type, singles, pages }
    }
    after = IDBKeyRange.lowerBound([type, []])
  }
}

async function openSingle(sealer: Sealer, { type, id, value }: RowRow): Promise<Pick<Row, 'id' | 'value'> | null> {
  try {
    const [plainId, plain] = (await openJson(sealer, places.row({ type, id }), value)) as [string, Json]
    return { id: plainId, value: plain }
  } catch {
    // reason: a damaged single is quarantined by whoever reads it.
    return null
  }
}

/** Whether nothing had moved, so that it was replaced. */
async function replace(
  transaction: IDBTransaction,
  { type, singles, pages }: Foldable,
  next: readonly PageRow[],
  epoch: number,
): Promise<boolean> {
  // Sealed by a key that was replaced meanwhile, they would be left behind when that key goes.
  const keys = await resultOf<StateRow | undefined>(transaction.objectStore('state').get(keysKey))
  if (keys?.epoch !== epoch) return false
  const rows = transaction.objectStore('rows')
  const stored = transaction.objectStore('pages')
  const range = beginningWith(type)
  const [nowSingles, nowPages] = await Promise.all([
    resultOf<RowRow[]>(rows.getAll(range, pageLimits.maxSingles)),
    resultOf<PageRow[]>(stored.getAll(range)),
  ])
  const isSame = nowPages.length === pages.length && nowPages.every((page, i) => sameBody(page.body, pages[i]?.body))
  if (!isSame) return false
  const read = new Map(singles.map((row) => [row.id, row.value]))
  for (const row of nowSingles) if (sameBody(row.value, read.get(row.id))) rows.delete([row.type, row.id])
  stored.delete(range)
  for (const page of next) stored.put(page)
  return true
}

/** Two sealings never share their first bytes: the nonce is among them. */
const comparedBytes = 33

export const sameBody = (a: unknown, b: unknown): boolean =>
  a instanceof Uint8Array &&
  b instanceof Uint8Array &&
  a.length === b.length &&
  a.subarray(0, comparedBytes).every((byte, i) => byte === b[i])
