import { type Clock, systemClock, systemRandom } from '@tidemark/base'
import { mergeGrouped } from '@tidemark/updates'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { type Acceptor, createAcceptor } from '../src/acceptor.ts'
import { createCommitQueue } from '../src/commit-queue.ts'
import { createDocumentStates, type DocumentStates } from '../src/document-states.ts'
import { createGuard } from '../src/guard.ts'
import { createMemoryLog, defaultRelayBounds, type Grant, type Log, type RelayBounds } from '../src/index.ts'
import type { Outcome } from '../src/offer.ts'
import { Space } from '../src/space.ts'
import { TurnBudget } from '../src/turn-budget.ts'
import { inlineWork, type Work } from '../src/work/work.ts'
import { loadOf } from './log.contract.ts'
import { ManualClock } from './manual-clock.ts'
import { textUpdate } from './wire-client.ts'

interface World {
  readonly log: Log
  readonly acceptor: Acceptor
  readonly states: DocumentStates
  offer(document: string, update: Uint8Array, grant?: Grant, kind?: 'push' | 'carry'): Promise<Outcome>
}

async function create(changes: Partial<RelayBounds> = {}, work: Work = inlineWork, clock: Clock = systemClock): Promise<World> {
  const bounds = { ...defaultRelayBounds, ...changes }
  const log = createMemoryLog({ random: systemRandom })
  const space = new Space('s', await log.open('s'), bounds, clock)
  const guard = createGuard(null)
  const turn = new TurnBudget(clock, bounds.maxInlineBytes)
  const states = createDocumentStates({ log, clock, bounds, guard, work, turn })
  const queue = createCommitQueue({
    log,
    bounds,
    onCommitted: (batch) => space.committed(batch),
    onFailed: (_, error) => space.fail(error),
  })
  const acceptor = createAcceptor({ states, queue, bounds, guard, log, turn, work })
  const author = {}
  return {
    log,
    acceptor,
    states,
    offer: (document, update, grant = { principal: 'anonymous', access: 'write' }, kind = 'push') =>
      acceptor.accept({ space, document, update, grant, kind, author }),
  }
}

/** A document's edits one by one: `edits('ab')` writes "a", then "b" behind it. */
function edits(text: string, client: number): Uint8Array[] {
  const doc = new Y.Doc({ guid: 'writer' })
  doc.clientID = client
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  for (const letter of text) doc.getText('t').insert(doc.getText('t').length, letter)
  return updates
}

describe('accepting', () => {
  test('known content is acknowledged at the head and not logged again, whatever holds it', async () => {
    const { log, offer } = await create()
    const [a, b] = edits('ab', 1) as [Uint8Array, Uint8Array]
    await offer('d', a)
    expect(await offer('d', a)).toEqual({ type: 'committed', seq: 1 })
    expect(await offer('d', mergeGrouped([a, b]))).toEqual({ type: 'committed', seq: 2 })
    const page = await log.changes('s', 1, { maxItems: 9, maxBytes: 999 })
    expect(page).toMatchObject({ updates: [{ update: b }] })
  })

  test('of an update that is partly unknowable the rest is kept, and it counts as incomplete', async () => {
    const { log, offer } = await create()
    const [a] = edits('a', 1) as [Uint8Array]
    const gap = edits('xyz', 2)[2] as Uint8Array
    expect(await offer('d', mergeGrouped([a, gap]))).toMatchObject({ type: 'refused', code: 'relay/incomplete' })
    expect((await loadOf(log, 's', 'd'))?.seq).toBe(1)
    expect(await offer('d', gap)).toMatchObject({ type: 'refused', code: 'relay/incomplete' })
    expect(await offer('d', mergeGrouped([a, ...edits('xyz', 2)]))).toEqual({ type: 'committed', seq: 2 })
  })

  test('a reader may not write', async () => {
    const { offer } = await create()
    expect(await offer('d', textUpdate('x', 1), { principal: 'ada', access: 'read' })).toMatchObject({ code: 'relay/forbidden' })
  })

  test('a push claims the client ids it brings first; carrying claims nothing', async () => {
    const { log, offer } = await create()
    const ada: Grant = { principal: 'ada', access: 'write' }
    const [a, b] = edits('ab', 1) as [Uint8Array, Uint8Array]
    await offer('d', a, ada)
    await offer('d', b, { ...ada, principal: 'bob' })
    await offer('d', textUpdate('carried', 2), ada, 'carry')
    expect(await log.claims('s', [1, 2])).toEqual(new Map([[1, 'ada']]))
  })

  test('[P8] too much in the queue is refused as busy', async () => {
    const { acceptor, offer } = await create({ maxQueuedBytes: 30 })
    const outcomes = await Promise.all([1, 2, 3].map((client) => offer(`d${client}`, textUpdate('x', client))))
    expect(outcomes.map((one) => (one.type === 'refused' ? one.code : one.type))).toEqual(['committed', 'committed', 'relay/busy'])
    expect(acceptor.openBytes).toBe(0)
  })

  test('[P8] hot documents are bounded, and one that was forgotten is judged by the log again', async () => {
    const { states, offer } = await create({ maxHotDocuments: 2 })
    const letters = edits('abcdefgh', 1)
    for (const [i, letter] of letters.entries()) {
      expect(await offer('d', letter)).toMatchObject({ type: 'committed' })
      await Promise.all([1, 2, 3].map((j) => offer(`other${i}-${j}`, textUpdate('x', 10 * i + j + 10))))
      expect(states.count).toBeLessThanOrEqual(2)
    }
  })

  test('[P8] a document that is full is not read from the log for each refusal, and once more when that may have made it smaller', async () => {
    const clock = new ManualClock()
    const { log, offer } = await create({ maxClients: 2 }, inlineWork, clock)
    let loads = 0
    const load = log.load.bind(log)
    log.load = (space, document) => {
      loads++
      return load(space, document)
    }
    for (const client of [1, 2]) await offer('d', textUpdate('x', client))
    const refuse = async (): Promise<void> => expect(await offer('d', textUpdate('x', 3))).toMatchObject({ code: 'relay/too-large' })
    for (let i = 0; i < 10; i++) await refuse()
    expect(loads).toBe(1)
    clock.pass(defaultRelayBounds.reloadMs)
    for (let i = 0; i < 10; i++) await refuse()
    expect(loads).toBe(2)
  })

  test('many offers to documents that must be loaded first keep their order, also when states are forgotten between', async () => {
    const { offer } = await create({ maxHotDocuments: 1, maxHotBytes: 1 })
    const all = ['a', 'b', 'c'].flatMap((name, i) => edits('abcdefgh', i + 1).map((update) => [name, update] as const))
    all.sort(([, a], [, b]) => (a[3] as number) - (b[3] as number))
    const outcomes = await Promise.all(all.map(([name, update]) => offer(name, update)))
    expect(outcomes.filter(({ type }) => type !== 'committed')).toEqual([])
  })

  test('an offer never overtakes one that waits for the document’s state, at whatever moment it arrives', async () => {
    for (let turns = 0; turns < 20; turns++) {
      const { offer } = await create()
      const [a, b] = edits('ab', 1) as [Uint8Array, Uint8Array]
      const first = offer('d', a)
      for (let i = 0; i < turns; i++) await Promise.resolve()
      expect([turns, await Promise.all([first, offer('d', b)])]).toMatchObject([turns, [{ type: 'committed' }, { type: 'committed' }]])
    }
  })

  test('after closing, offers are refused as busy and earlier ones have their outcome', async () => {
    const { acceptor, offer } = await create()
    let outcome: Outcome | null = null
    void offer('d', textUpdate('x', 1)).then((one) => {
      outcome = one
    })
    await acceptor.close()
    expect(outcome).toEqual({ type: 'committed', seq: 1 })
    expect(await offer('d', textUpdate('y', 2))).toMatchObject({ code: 'relay/busy' })
  })
})
