import { systemClock, systemRandom } from '@tidemark/base'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { createMemoryLog, createRelay, createWorkPool, type Relay, type RelayBounds, type Work } from '../src/index.ts'
import { connect, textUpdate } from './wire-client.ts'

const relayWith = (limits: Partial<RelayBounds>, work?: Work): Relay =>
  createRelay({
    log: createMemoryLog({ random: systemRandom }),
    clock: systemClock,
    random: systemRandom,
    limits,
    ...(work === undefined ? {} : { work }),
  })

/** The updates of a document as it is edited, one for each transaction. */
function recorded(client: number, edit: (doc: Y.Doc) => void): Uint8Array[] {
  const doc = new Y.Doc({ guid: 'hostile' })
  doc.clientID = client
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  edit(doc)
  return updates
}

const nest = (doc: Y.Doc, types: number): void => {
  let array = doc.getArray<unknown>('root')
  for (let i = 0; i < types; i++) {
    const inner = new Y.Array<unknown>()
    array.insert(0, [inner])
    array = inner
  }
}

const scatter = (text: Y.Text, times: number): void => {
  text.insert(0, 'ab'.repeat(times))
  for (let i = 0; i < times; i++) text.delete(i, 1)
}

describe('[P8] a document is built up only so far, however many frames it takes', () => {
  test.each<[string, Partial<RelayBounds>, Uint8Array[]]>([
    ['root types', { maxRoots: 20 }, recorded(1, (doc) => Array.from({ length: 30 }, (_, i) => doc.getMap(`m${i}`).set('k', 1)))],
    ['types deep', { maxDepth: 20 }, recorded(1, (doc) => nest(doc, 30))],
    ['types', { maxTypes: 20 }, recorded(1, (doc) => Array.from({ length: 30 }, () => doc.getArray('a').push([new Y.Map()])))],
    ['deleted ranges', { maxRanges: 20 }, recorded(1, (doc) => scatter(doc.getText('t'), 30))],
    ['client ids', { maxClients: 20 }, Array.from({ length: 30 }, (_, i) => textUpdate('x', i + 1))],
  ])('%s: what is over the cap is refused with the document’s name, and the connection goes on', async (what, limits, updates) => {
    const relay = relayWith(limits)
    const ann = connect(relay)
    await ann.welcomed()
    const pushes = updates.map((update) => ann.push('note/1', update))
    await ann.until(() => ann.refused.size > 0)
    const last = ann.push('note/2', textUpdate('fine', 1_000))
    await ann.until(() => ann.isAcked(last))
    expect([...ann.refused.keys()][0]).toBe(pushes[20])
    const refusal = ann.messages.find(({ type }) => type === 'refuse')
    expect(refusal).toMatchObject({ document: 'note/1', code: 'relay/too-large', detail: expect.stringContaining(what) })
    expect(ann.closedWith).toBeNull()
    await relay.close()
  })

  test('client ids that are new with one push', async () => {
    const relay = relayWith({ maxNewClients: 5 })
    const ann = connect(relay)
    await ann.welcomed()
    const doc = new Y.Doc({ guid: 'many' })
    for (let i = 1; i <= 6; i++) Y.applyUpdate(doc, textUpdate('x', i))
    const pushed = ann.push('note/1', Y.encodeStateAsUpdate(doc))
    const carried = ann.push('note/2', Y.encodeStateAsUpdate(doc), 'carry')
    await ann.until(() => ann.isAcked(carried))
    expect([...ann.refused]).toEqual([[pushed, 'relay/too-large']])
    await relay.close()
  })
})

describe('large updates', () => {
  const pasted = (client: number, length: number): Uint8Array => textUpdate('é'.repeat(length), client)

  test('are judged in threads as small ones are here, in order with them', async () => {
    const work = createWorkPool({ clock: systemClock })
    const relay = relayWith({}, work)
    const ann = connect(relay)
    await ann.welcomed()
    const doc = new Y.Doc({ guid: 'doc' })
    doc.clientID = 7
    const updates: Uint8Array[] = []
    doc.on('update', (update: Uint8Array) => updates.push(update))
    const text = doc.getText('t')
    for (let i = 0; i < 6; i++) {
      text.insert(0, i % 2 === 0 ? 'small' : 'large'.repeat(20_000))
      if (i === 3) text.delete(10, 50_000)
    }
    // One frame of it all; then everything once more, of which nothing is new.
    const pushes = updates.map((update) => ann.push('note/1', update))
    const whole = ann.push('note/1', Y.encodeStateAsUpdate(doc))
    const broken = ann.push('note/1', Uint8Array.from([...pasted(9, 50_000), 0]))
    const after = ann.push('note/1', pasted(8, 50_000))
    await ann.until(() => ann.isAcked(after))
    expect([...ann.refused]).toEqual([[broken, 'relay/invalid']])
    expect(pushes.every((n) => ann.isAcked(n)) && ann.isAcked(whole)).toBe(true)
    const bob = connect(relay)
    await bob.until(() => bob.state.documents.size > 0)
    expect(bob.doc('note/1').getText('t').toString().replace(/é/g, '')).toBe(text.toString())
    // The state that the thread gave is the state that goes on.
    const next = ann.push('note/1', recorded(7, () => undefined)[0] ?? Y.encodeStateAsUpdate(doc))
    await ann.until(() => ann.isAcked(next))
    await relay.close()
    await expect(work.run('diff', { update: new Uint8Array(), stateVector: new Uint8Array() }, '')).rejects.toMatchObject({
      code: 'relay/busy',
    })
  })

  test('[P8] one that takes too long is refused, and the thread is replaced', async () => {
    const work = createWorkPool({ clock: systemClock, limitMs: 0, maxThreads: 1 })
    const input = { update: Y.encodeStateAsUpdate(new Y.Doc({ guid: 'x' })), isGuarded: false }
    const outcomes = await Promise.allSettled([work.run('load', input, 'a'), work.run('load', input, 'b')])
    expect(outcomes).toMatchObject([{ reason: { code: 'relay/too-large' } }, { reason: { code: 'relay/too-large' } }])
    await work.close()
  })

  test('everybody’s turn comes, however much another one asks', async () => {
    const work = createWorkPool({ clock: systemClock, maxThreads: 1 })
    const input = { update: Uint8Array.of(0, 0), isGuarded: false }
    const order: string[] = []
    const ask = (lane: string): Promise<void> => work.run('load', input, lane).then(() => void order.push(lane))
    await Promise.all([...Array.from({ length: 10 }, () => ask('greedy')), ask('calm')])
    expect(order.indexOf('calm')).toBeLessThan(3)
    await work.close()
  })
})

test('[P8] many small updates in one frame are read over several turns, and answered in order', async () => {
  const relay = relayWith({ maxInlineBytes: 100 })
  const ann = connect(relay)
  await ann.welcomed()
  const pushes = Array.from({ length: 50 }, (_, i) => ({
    type: 'push' as const,
    n: i + 1,
    document: `note/${i % 7}`,
    update: textUpdate('x'.repeat(30), i + 1),
  }))
  ann.send(...pushes)
  await ann.until(() => ann.acked.at(-1) === 50)
  expect(ann.refused.size).toBe(0)
  expect(ann.acked).toEqual(ann.acked.toSorted((a, b) => a - b))
  await relay.close()
})
