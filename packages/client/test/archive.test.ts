import { TidemarkError } from '@tidemark/base'
import { type MemoryFaults, memoryStore } from '@tidemark/store'
import { writeArchive } from '@tidemark/store/archive'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { exportSpace, importSpace } from '../src/archive/index.ts'
import type { Platform, Space } from '../src/index.ts'
import { Stage } from './stage.ts'
import { confirmed, live, Report, until } from './world.ts'

let stage: Stage

beforeEach(() => {
  stage = new Stage()
})

afterEach(() => stage.close())

const bytesOf = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await new Response(stream).arrayBuffer())

const streamOf = (bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array> => new Blob([bytes]).stream()

/** A list that has every title in `titles`. */
const listed = async (space: Space, titles: readonly string[]): Promise<void> => {
  const query = space.query(Report)
  const seen = (): boolean => {
    const found = new Set(query.rows.map((row) => row.value.title))
    return titles.every((title) => found.has(title))
  }
  await until({ get: seen, subscribe: query.subscribe }, (isSeen) => isSeen)
}

describe('an archive of a space', () => {
  test('[P7] has what a full disk held back, and gives it to another device and the relay', async () => {
    let isFull = false
    const faults: MemoryFaults = {
      beforeCommit: (batch) => {
        if (isFull && batch.updates !== undefined) throw new TidemarkError('store/full', 'injected')
      },
    }
    const broken = await stage.device('ann').tab({ paused: true, faults })
    const roof = await broken.create(Report, { title: 'Roof' })
    await roof.created.saved
    isFull = true
    roof.set({ title: 'Roof, north' })
    await broken.create(Report, { title: 'Wall' })
    const progress: number[] = []
    const archive = await bytesOf(exportSpace(broken, { progress: ({ documents }) => progress.push(documents) }))
    expect(progress.at(-1)).toBe(2)
    isFull = false

    const other = await stage.device('ann-2').tab()
    await live(other)
    expect(await importSpace(other, streamOf(archive))).toMatchObject({
      from: { space: 'acme', user: 'ann' },
      documents: 2,
      problem: null,
    })
    await listed(other, ['Roof, north', 'Wall'])
    await confirmed(other)
    const third = await stage.device('bob').tab()
    await listed(third, ['Roof, north', 'Wall'])
  })

  test('taken in twice, or over newer edits, changes nothing that is here', async () => {
    const ann = await stage.device('ann').tab({ paused: true })
    const report = await ann.create(Report, { title: 'First' })
    const archive = await bytesOf(exportSpace(ann))
    report.set({ title: 'Second' })
    await importSpace(ann, streamOf(archive))
    await importSpace(ann, streamOf(archive))
    expect(report.value.title).toBe('Second')
    await listed(ann, ['Second'])
    expect(ann.query(Report).rows).toHaveLength(1)
  })

  test('shows in the other tabs, and in documents that are open', async () => {
    const ann = stage.device('ann')
    const [first, second] = [await ann.tab({ paused: true }), await ann.tab({ paused: true })]
    const report = await first.create(Report, { title: 'Old' }, { id: 'x' })
    await report.created.saved
    const elsewhere = await stage.device('bob').tab({ paused: true })
    await importSpace(elsewhere, exportSpace(first))
    const edited = await elsewhere.open(Report, 'x')
    edited.set({ title: 'New' })
    const shown = await second.open(Report, 'x')
    await importSpace(first, exportSpace(elsewhere))
    expect(report.value.title).toBe('New')
    await until(shown, (value) => value.title === 'New')
  })

  test('of a database that cannot be read has what is open, and says so', async () => {
    const ann = stage.device('ann')
    const open = memoryStore({ database: ann.database })
    let isLost = false
    const space = await stage.browserTab(ann, {
      store: async (where) => {
        const store = await open(where)
        const lost = async (): Promise<never> => {
          throw new TidemarkError('store/failed', 'injected')
        }
        return new Proxy(store, {
          get: (target, key) => {
            if (isLost && (key === 'load' || key === 'changedAfter')) return lost
            const value = Reflect.get(target, key) as unknown
            return typeof value === 'function' ? value.bind(target) : value
          },
        })
      },
    })
    await space.create(Report, { title: 'Open' })
    isLost = true
    const archive = await bytesOf(exportSpace(space))
    isLost = false
    const other = await stage.device('bob').tab({ paused: true })
    const result = await importSpace(other, streamOf(archive))
    expect(result).toMatchObject({ documents: 1, problem: expect.stringContaining('injected') })
    await listed(other, ['Open'])
  })

  test('leaves out a document that breaks Yjs or has no name, says so, and takes the rest', async () => {
    const wedge = Uint8Array.from([1, 1, 5, 0, 1, 1, 1, 116, 0, 0])
    const doc = new Y.Doc({ guid: 'report/b' })
    Report.initialise(doc, { title: 'Roof' }, { user: 'eve' })
    const sound = Y.encodeStateAsUpdate(doc)
    const archive = writeArchive(
      { space: 'acme', user: 'eve', createdMs: 0 },
      documents([
        ['report/a', wedge],
        ['report/b', sound],
        ['', Uint8Array.of(0, 0)],
      ]),
    )
    const ann = await stage.device('ann').tab({ paused: true })
    const result = await importSpace(ann, archive)
    expect(result).toMatchObject({ documents: 1, bytes: sound.length })
    expect(result.leftOut.map(({ name, problem }) => [name, problem.code])).toEqual([
      ['report/a', 'updates/invalid'],
      ['', 'protocol/name'],
    ])
    expect((await ann.documents.list()).names).toEqual(['report/b'])
    await listed(ann, ['Roof'])
  })

  test('[P7] has all that can be read where a part is damaged, and says which document lacks it', async () => {
    const ann = stage.device('ann')
    const filled = await memoryStore({ database: ann.database })({ space: 'acme', user: 'ann' })
    const doc = new Y.Doc({ guid: 'report/a' })
    Report.initialise(doc, { title: 'Roof' }, { user: 'ann' })
    await filled.commit({
      updates: [
        { name: 'report/a', writer: 'x', n: 1, bytes: Y.encodeStateAsUpdate(doc), origin: 'local' },
        { name: 'report/a', writer: 'x', n: 2, bytes: Uint8Array.of(1, 5, 3), origin: 'local' },
      ],
      rows: [{ type: 'report', id: 'a', name: 'report/a', reflects: 0, value: { title: 'Roof' } }],
    })
    const space = await ann.tab({ paused: true })
    await (await space.create(Report, { title: 'Wall' })).created.saved
    const archive = await bytesOf(exportSpace(space))
    const other = await stage.device('bob').tab({ paused: true })
    expect(await importSpace(other, streamOf(archive))).toMatchObject({ documents: 2, problem: expect.stringContaining('report/a') })
    await listed(other, ['Roof', 'Wall'])
  })

  test('leaves out what was announced and is not here', async () => {
    const ann = stage.device('ann')
    const filled = await memoryStore({ database: ann.database })({ space: 'acme', user: 'ann' })
    await filled.commit({ docs: [{ name: 'report/announced', behind: 7 }] })
    const space = await ann.tab({ paused: true })
    await space.create(Report, { title: 'Here' })
    const other = await stage.device('bob').tab({ paused: true })
    expect(await importSpace(other, exportSpace(space))).toMatchObject({ documents: 1, problem: null })
    expect((await other.documents.list()).names).not.toContain('report/announced')
  })

  test('[P1] that is taken in while an earlier one is on its way to the relay follows it', async () => {
    let answers: (() => void)[] | null = null
    const platform: Partial<Platform> = {
      connect: (url, handlers) =>
        stage.network.connect(url, {
          ...handlers,
          message: (bytes) => void (answers === null ? handlers.message(bytes) : answers.push(() => handlers.message(bytes))),
        }),
    }
    const ann = await stage.browserTab(stage.device('ann'), { platform })
    await live(ann)
    const doc = new Y.Doc({ guid: 'report/a' })
    Report.initialise(doc, { title: 'Roof' }, { user: 'ann' })
    answers = []
    const held = answers
    await ann.documents.adopt([{ name: 'report/a', update: Y.encodeStateAsUpdate(doc) }])
    await expect.poll(() => held.length).toBeGreaterThan(0)
    doc.getText('later').insert(0, 'too')
    await ann.documents.adopt([{ name: 'report/a', update: Y.encodeStateAsUpdate(doc) }])
    answers = null
    for (const answer of held) answer()
    await confirmed(ann)
    const bob = await stage.device('bob').tab()
    await listed(bob, ['Roof'])
    const arrived = new Y.Doc()
    for (const { state } of (await bob.documents.read(['report/a'])).documents) Y.applyUpdate(arrived, state)
    expect(arrived.getText('later').toString()).toBe('too')
  })

  test('that is no archive says so, and how far it got', async () => {
    const ann = await stage.device('ann').tab({ paused: true })
    await expect(importSpace(ann, streamOf(new TextEncoder().encode('not an archive')))).rejects.toMatchObject({
      code: 'archive/invalid',
      message: expect.stringContaining('0 documents were taken before'),
    })
  })

  test('names what was pending, and why it was refused', async () => {
    const ann = await stage.device('ann').tab()
    await live(ann)
    const large = await ann.create(Report, { title: 'Large', notes: 'x'.repeat(17 << 20) })
    await expect(large.created.confirmed).rejects.toMatchObject({ code: 'relay/too-large' })
    const { names } = await ann.documents.list()
    const { documents: found } = await ann.documents.read(names)
    expect(found[0]?.pending).toMatchObject({ problem: 'relay/too-large' })
    expect(found[0]?.pending?.update.length).toBeGreaterThan(17 << 20)
  })

  test('cannot be made of a closed space', async () => {
    const ann = await stage.device('ann').tab({ paused: true })
    await ann.close()
    await expect(bytesOf(exportSpace(ann))).rejects.toMatchObject({ code: 'client/closed' })
  })
})

async function* documents(named: readonly (readonly [string, Uint8Array])[]) {
  for (const [name, state] of named) yield { name, state, pending: null }
  return { problem: null }
}
