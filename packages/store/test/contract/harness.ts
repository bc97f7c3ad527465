/** What an adapter's test file gives the contract suite, and the tiny notation of its scenarios. */
import type { Clock, ErrorCode } from '@tidemark/base'
import { expect } from 'vitest'
import type { LocalStore } from '../../src/local-store.ts'
import type { StoredDocument, StoredUpdate } from '../../src/stored.ts'
import { armed, openInRun } from './scenario.ts'

/** One database system of its own; everything opened through it shares that system. */
export interface StoreHarness {
  open(options: { readonly space: string; readonly user: string; readonly clock: Clock }): Promise<LocalStore>
  /** Makes the write of this number (from 1, counted over all commits from now) fail with `code`, until lifted. */
  failWrite(number: number, code: 'store/full' | 'store/failed'): InjectedFault
}

export interface InjectedFault {
  /** Whether that many writes happened, so that the fault struck. */
  readonly hit: boolean
  lift(): void
}

export type CreateHarness = () => Promise<StoreHarness> | StoreHarness

export interface World {
  /** Opens another store (a tab) over the same system; closed when the test ends. */
  open(where?: { readonly space?: string; readonly user?: string }): Promise<LocalStore>
  readonly failWrite: StoreHarness['failWrite']
  /** Sets the time. */
  at(nowMs: number): void
}

export async function createWorld(createHarness: CreateHarness): Promise<World> {
  const harness = armed(await createHarness())
  let nowMs = 1_000
  const clock: Clock = { now: () => nowMs, monotonic: () => nowMs, schedule: () => () => undefined }
  return {
    async open({ space = 'space', user = 'user' } = {}) {
      return await openInRun(() => harness.open({ space, user, clock }))
    },
    failWrite: (number, code) => harness.failWrite(number, code),
    at: (next) => {
      nowMs = next
    },
  }
}

export const rejection = (code: ErrorCode) => expect.objectContaining({ name: 'TidemarkError', code })

/** `local('a', 'w', 1)`: the first update of writer w, made by this user, to document a. */
export const local = (name: string, writer: string, n: number, size = 3): StoredUpdate => update('local', name, writer, n, size)

/** The same, received from the relay. */
export const remote = (name: string, writer: string, n: number, size = 3): StoredUpdate => update('remote', name, writer, n, size)

function update(origin: StoredUpdate['origin'], name: string, writer: string, n: number, size: number): StoredUpdate {
  return { name, writer, n, origin, bytes: new Uint8Array(size).fill(n) }
}

/** `w1 w2 x1`: the stored updates of a document, in order. */
export const numbers = (document: StoredDocument | undefined): string => listed(document?.updates ?? [])

/** `a:w1 a:w2 b:x1`: what is pending, oldest document first; of those of one moment, which have no order, by name. */
export async function pendingOf(store: LocalStore): Promise<string> {
  const documents = (await store.pending(1_000)).toSorted(
    (a, b) => Number(a.record.pendingSinceMs) - Number(b.record.pendingSinceMs) || (a.record.name < b.record.name ? -1 : 1),
  )
  return documents.map(({ record, updates }) => `${record.name}:${listed(updates)}`).join(' ')
}

const listed = (updates: readonly StoredUpdate[]): string =>
  updates
    .map(({ writer, n }) => `${writer}${n}`)
    .sort()
    .join(',')

/** Everything that can be read of a store, for comparing before and after. */
export async function dump(store: LocalStore, names: readonly string[], types: readonly string[] = ['note']): Promise<unknown> {
  const documents = await store.load(names)
  return {
    documents: names.map((name) => {
      const document = documents.get(name)
      return document === undefined ? null : { ...document, updates: [...document.updates].sort(byKey) }
    }),
    rows: await Promise.all(types.map((type) => store.rows(type))),
    pending: await pendingOf(store),
    totals: await store.pendingTotals(),
    rowsBehind: await store.rowsBehind(1_000),
    behind: await store.behind(1_000),
    longLogs: await store.longLogs(1_000),
    refused: await store.refused(),
    quarantined: (await store.quarantined()).length,
    carrying: await store.carrying(1_000),
    changed: await store.changedAfter(0),
    state: await store.state(),
  }
}

const byKey = (a: StoredUpdate, b: StoredUpdate): number => a.writer.localeCompare(b.writer) || a.n - b.n
