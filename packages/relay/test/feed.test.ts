import { systemClock, systemRandom } from '@tidemark/base'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createMemoryLog, createRelay, type Log, type Relay, type RelayBounds } from '../src/index.ts'
import { logWith } from '../src/log.ts'
import { letters, loadOf } from './log.contract.ts'
import { connect, createReplicaState, type Line, textUpdate, type WireClient } from './wire-client.ts'

interface World {
  readonly relay: Relay
  readonly log: Log
}

function world(limits: Partial<RelayBounds> = {}): World {
  const ports = { clock: systemClock, random: systemRandom }
  const log = createMemoryLog(ports)
  return { log, relay: createRelay({ log, ...ports, limits }) }
}

const documents = ['note/a', 'note/b', 'note/c', 'note/d', 'note/e'] as const

/** Writes `x` into each of `names` by a client of its own, and waits until all is durable. */
async function write(writer: WireClient, names: readonly string[], client: { last: number }): Promise<void> {
  for (const name of names) {
    client.last++
    writer.push(name, textUpdate(String.fromCharCode(97 + (client.last % 26)), client.last))
  }
  await writer.until(() => writer.isAcked(writer.pushed))
}

/** Lets everything that is ready run. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function expectSame(log: Log, reader: WireClient): Promise<void> {
  for (const name of documents) {
    const loaded = await loadOf(log, 'acme', name)
    if (loaded !== null) expect([name, letters(reader.state.documents.get(name) ?? [])]).toEqual([name, letters([loaded.update])])
  }
}

describe('the feed', () => {
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        type: fc.constant('write' as const),
        names: fc.array(fc.constantFrom(...documents), { minLength: 1, maxLength: 5 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ type: fc.constant('break' as const), credit: fc.integer({ min: 1, max: 200 }), isHeld: fc.boolean() }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('compact' as const), name: fc.constantFrom(...documents) }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('hold' as const) }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('release' as const) }) },
    { weight: 3, arbitrary: fc.record({ type: fc.constant('take' as const), count: fc.integer({ min: 1, max: 3 }) }) },
  )
  const bounds = fc.record({
    maxRingItems: fc.integer({ min: 1, max: 4 }),
    maxPageItems: fc.integer({ min: 1, max: 3 }),
    maxLiveLag: fc.integer({ min: 1, max: 20 }),
    highWaterBytes: fc.constantFrom(0, 100, 1 << 20),
    maxBatchItems: fc.integer({ min: 1, max: 4 }),
    drainCheckMs: fc.constant(0),
  })

  test('[P3] a reader that follows the frames ends with every document, whatever was held back, broken off or compacted', async () => {
    await fc.assert(
      fc.asyncProperty(bounds, fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }), async (limits, steps) => {
        const { relay, log } = world(limits)
        const client = { last: 0 }
        const writer = connect(relay)
        await writer.welcomed()
        const state = createReplicaState()
        let reader: WireClient & { readonly line: Line } = connect(relay, { state, credit: 50 })
        for (const one of steps) {
          if (one.type === 'write') await write(writer, one.names, client)
          else if (one.type === 'compact') await log.compact('acme', one.name)
          else if (one.type === 'hold') reader.line.isHeld = true
          else if (one.type === 'release') reader.line.release()
          else if (one.type === 'take') {
            reader.line.take(one.count)
            await settle()
          } else {
            // What the relay had sent and the reader had not taken is lost with the line.
            reader.line.cut(1006)
            await reader.until(() => reader.closedWith !== null)
            reader = connect(relay, { state, credit: one.credit })
            reader.line.isHeld = one.isHeld
            await settle()
          }
        }
        reader.line.release()
        const { head } = await log.open('acme')
        await reader.until(() => state.cursor?.catchUp === undefined && (state.cursor?.seq ?? 0) >= head)
        await expectSame(log, reader)
        await relay.close()
      }),
      { numRuns: 200 },
    )
  })

  test('a document that changes again before it is listed keeps its older change', async () => {
    const { relay, log } = world({ maxPageItems: 1 })
    const client = { last: 0 }
    const writer = connect(relay)
    await writer.welcomed()
    await write(writer, documents, client)
    const state = createReplicaState()
    const first = connect(relay, { state, credit: 1, grants: false })
    await first.until(() => state.cursor?.catchUp !== undefined)
    await write(writer, ['note/e', 'note/a'], client)
    first.line.cut(1006)
    const second = connect(relay, { state })
    await second.until(() => state.cursor?.seq === 7)
    expect(second.messages.find(({ type }) => type === 'changes')).toMatchObject({ mode: 'catch-up', from: 0, to: 5, last: 2 })
    await expectSame(log, second)
  })

  test('[P3] a reader that comes while an older listing is being read is not given that one', async () => {
    const ports = { clock: systemClock, random: systemRandom }
    const log = createMemoryLog(ports)
    const gate = Promise.withResolvers<void>()
    let listings = 0
    // Each listing is of the moment in which it was asked for, and comes late.
    const late = logWith(log, {
      changedDocuments: async (...asked) => {
        listings++
        const page = await log.changedDocuments(...asked)
        await gate.promise
        return page
      },
    })
    const relay = createRelay({ log: late, ...ports })
    const writer = connect(relay)
    await writer.welcomed()
    const client = { last: 0 }
    await write(writer, ['note/a'], client)
    const [early, beside] = [connect(relay), connect(relay)]
    await Promise.all([early.welcomed(), beside.welcomed()])
    await write(writer, ['note/b'], client)
    const later = connect(relay)
    await later.welcomed()
    await settle()
    gate.resolve()
    await Promise.all([early, beside, later].map((reader) => reader.until(() => reader.state.cursor?.seq === 2)))
    for (const reader of [early, beside, later]) await expectSame(log, reader)
    expect(listings).toBe(2)
  })

  test('[P5] coming back after a pause costs what changed meanwhile', async () => {
    const { relay } = world()
    const client = { last: 0 }
    const writer = connect(relay)
    await writer.welcomed()
    await write(
      writer,
      Array.from({ length: 100 }, (_, i) => `note/${i}`),
      client,
    )
    const state = createReplicaState()
    const first = connect(relay, { state })
    await first.until(() => state.cursor?.seq === 100)
    first.line.cut(1006)
    await write(writer, ['note/7'], client)
    const second = connect(relay, { state })
    await second.until(() => state.cursor?.seq === 101)
    const changes = second.messages.filter((message) => message.type === 'changes')
    expect(changes.flatMap((message) => message.changes)).toHaveLength(1)
  })

  test('[P5] a reader that gives no credit is sent no more than it granted and one page', async () => {
    const { relay } = world({ maxPageBytes: 1_000 })
    const client = { last: 0 }
    const writer = connect(relay)
    const reader = connect(relay, { credit: 100, grants: false })
    await Promise.all([writer.welcomed(), reader.welcomed()])
    for (let i = 0; i < 50; i++) await write(writer, documents, client)
    expect(reader.receivedBytes).toBeLessThan(1_000)
    reader.send({ type: 'credit', bytes: 1 << 20 })
    await reader.until(() => reader.state.cursor?.seq === 250)
  })

  test('[P5] a reader that does not read is not buffered for, and goes on from where it was', async () => {
    const { relay, log } = world({ highWaterBytes: 500, maxRingItems: 2, drainCheckMs: 0 })
    const client = { last: 0 }
    const writer = connect(relay)
    const reader = connect(relay)
    await Promise.all([writer.welcomed(), reader.welcomed()])
    reader.line.isHeld = true
    for (let i = 0; i < 100; i++) await write(writer, documents, client)
    expect(reader.line.held).toBeLessThan(1_500)
    reader.line.release()
    await reader.until(() => reader.state.cursor?.seq === 500)
    await expectSame(log, reader)
  })

  test('one commit is encoded once for all its readers', async () => {
    const { relay } = world()
    const writer = connect(relay)
    const [a, b] = [connect(relay), connect(relay)]
    await Promise.all([writer, a, b].map((one) => one.welcomed()))
    const frames = [a, b].map((one) => {
      const seen: Uint8Array[] = []
      const take = one.handlers.message
      one.handlers.message = (bytes) => {
        seen.push(bytes)
        take(bytes)
      }
      return seen
    })
    await write(writer, ['note/a'], { last: 0 })
    await Promise.all([a, b].map((one) => one.until(() => one.state.cursor?.seq === 1)))
    expect(frames[0]?.at(-1)).toBe(frames[1]?.at(-1))
  })
})
