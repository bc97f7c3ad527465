import { type Clock, systemClock, systemRandom } from '@tidemark/base'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createMemoryDisk, createMemoryLog, createRelay, type Relay, type RelayBounds } from '../src/index.ts'
import { Bucket, Pacer } from '../src/pacer.ts'
import { connect, textUpdate } from './wire-client.ts'

/** A clock that runs what is due when it is set forward, in order. */
function virtualClock(): Clock & { pass(ms: number): void } {
  let nowMs = 0
  const due: { atMs: number; run: () => void }[] = []
  return {
    now: () => nowMs,
    monotonic: () => nowMs,
    schedule: (delayMs, run) => {
      const one = { atMs: nowMs + delayMs, run }
      due.push(one)
      return () => void (due.includes(one) && due.splice(due.indexOf(one), 1))
    },
    pass(ms) {
      const end = nowMs + ms
      for (;;) {
        const [next] = due.filter(({ atMs }) => atMs <= end).sort((a, b) => a.atMs - b.atMs)
        if (next === undefined) break
        due.splice(due.indexOf(next), 1)
        nowMs = Math.max(nowMs, next.atMs)
        next.run()
      }
      nowMs = end
    },
  }
}

describe('a pacer', () => {
  const rate = fc.record({ perSecond: fc.integer({ min: 1, max: 100 }), burst: fc.integer({ min: 1, max: 50 }) })
  const arrivals = fc.array(fc.record({ afterMs: fc.nat(500), cost: fc.integer({ min: 0, max: 80 }) }), { maxLength: 60 })

  test('[P8] keeps the order, loses nothing, and lets through no more than burst and rate allow', () => {
    fc.assert(
      fc.property(rate, arrivals, (rate, arrivals) => {
        const clock = virtualClock()
        const pacer = new Pacer(clock)
        const bucket = new Bucket(clock, rate)
        const through: { index: number; atMs: number; cost: number }[] = []
        for (const [index, { afterMs, cost }] of arrivals.entries()) {
          clock.pass(afterMs)
          pacer.run([[bucket, cost]], () => through.push({ index, atMs: clock.now(), cost }))
        }
        clock.pass(10_000_000)
        expect(through.map(({ index }) => index)).toEqual(arrivals.map((_, index) => index))
        for (let from = 0; from < through.length; from++) {
          let sum = 0
          for (let to = from; to < through.length; to++) {
            const { atMs, cost } = through[to] as (typeof through)[number]
            const tookMs = atMs - (through[from] as (typeof through)[number]).atMs
            // The last one may overdraw by itself: one thing always fits.
            expect(sum).toBeLessThanOrEqual(rate.burst + (tookMs / 1_000) * rate.perSecond + 1e-6)
            sum += cost
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  test('holds nothing back from who stays below, and nothing at all once it is closed', () => {
    const clock = virtualClock()
    const pacer = new Pacer(clock)
    const bucket = new Bucket(clock, { perSecond: 10, burst: 5 })
    let ran = 0
    for (let i = 0; i < 50; i++) {
      pacer.run([[bucket, 1]], () => ran++)
      expect(ran).toBe(i + 1)
      clock.pass(100)
    }
    for (let i = 0; i < 20; i++) pacer.run([[bucket, 1]], () => ran++)
    expect([ran, pacer.waiting]).toEqual([55, 15])
    pacer.close()
    clock.pass(100_000)
    expect([ran, pacer.waiting]).toEqual([55, 0])
  })
})

function startRelay(limits: Partial<RelayBounds>, options: { clock?: Clock; log?: ReturnType<typeof createMemoryLog> } = {}): Relay {
  const { clock = systemClock, log = createMemoryLog({ random: systemRandom }) } = options
  const authorize = ({ token }: { token: string }) => ({
    principal: token,
    grants: [{ prefix: '', access: 'write' as const }],
    expiresAtMs: null,
  })
  return createRelay({ log, clock, random: systemRandom, limits, authorize })
}

const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('rates', () => {
  test('[P8] slow down who pushes too fast, refuse nothing, and leave the others alone', async () => {
    const clock = virtualClock()
    const relay = startRelay({ updateRate: { perSecond: 10, burst: 5 } }, { clock })
    const [fast, calm] = [connect(relay, { token: 'fast' }), connect(relay, { token: 'calm' })]
    await Promise.all([fast.welcomed(), calm.welcomed()])
    for (let i = 1; i <= 20; i++) fast.push('note/1', textUpdate('x', i))
    const n = calm.push('note/2', textUpdate('y', 100))
    await calm.until(() => calm.isAcked(n))
    await settle()
    expect(fast.acked.at(-1)).toBe(5)
    clock.pass(1_000)
    await settle()
    expect(fast.acked.at(-1)).toBe(15)
    clock.pass(1_000)
    await fast.until(() => fast.isAcked(20))
    expect([fast.refused.size, fast.closedWith]).toEqual([0, null])
  })

  test('are shared by all connections of one user', async () => {
    const clock = virtualClock()
    const relay = startRelay({ updateRate: { perSecond: 1, burst: 10 }, principalRateFactor: 1.5 }, { clock })
    const both = [connect(relay, { token: 'ann' }), connect(relay, { token: 'ann' })]
    await Promise.all(both.map((one) => one.welcomed()))
    for (const [i, one] of both.entries()) for (let n = 1; n <= 10; n++) one.push(`note/${i}`, textUpdate('x', i * 100 + n))
    await settle()
    expect(both.reduce((sum, one) => sum + (one.acked.at(-1) ?? 0), 0)).toBe(15)
  })
})

test('[P8] one user has so many connections and no more; when one goes, another may come', async () => {
  const relay = startRelay({ maxSessionsPerPrincipal: 2 })
  const open = [connect(relay, { token: 'ann' }), connect(relay, { token: 'ann' })]
  await Promise.all(open.map((one) => one.welcomed()))
  const third = connect(relay, { token: 'ann' })
  await third.until(() => third.closedWith !== null)
  expect(third.messages).toEqual([expect.objectContaining({ type: 'bye', code: 'relay/limit' })])
  expect((await connect(relay, { token: 'bob' }).welcomed()).access).toBe('write')
  open[0]?.line.cut(1000)
  await settle()
  expect((await connect(relay, { token: 'ann' }).welcomed()).access).toBe('write')
})

describe('sizes', () => {
  test('[P8] a document takes so much and no more; the others and the connection go on', async () => {
    const relay = startRelay({ maxDocumentBytes: 1_000 })
    const ann = connect(relay, { token: 'ann' })
    await ann.welcomed()
    const first = ann.push('note/1', textUpdate('x'.repeat(600), 1))
    const second = ann.push('note/1', textUpdate('y'.repeat(600), 2))
    const other = ann.push('note/2', textUpdate('z'.repeat(600), 3))
    await ann.until(() => ann.refused.has(second) && ann.isAcked(other))
    expect(ann.refused.get(second)).toBe('relay/too-large')
    expect(ann.isAcked(first)).toBe(true)
  })

  test('[P8] a space takes so much and no more, also counted anew by a relay that was restarted', async () => {
    const disk = createMemoryDisk()
    const limits = { maxSpaceBytes: 1_500 }
    const ann = connect(startRelay(limits, { log: createMemoryLog({ random: systemRandom, disk }) }), { token: 'ann' })
    await ann.welcomed()
    for (let i = 1; i <= 3; i++) ann.push(`note/${i}`, textUpdate('x'.repeat(600), i))
    await ann.until(() => ann.refused.size === 1)
    expect(ann.refused.get(3)).toBe('relay/space-full')
    const again = connect(startRelay(limits, { log: createMemoryLog({ random: systemRandom, disk }) }), { token: 'ann' })
    await again.welcomed()
    const late = again.push('note/9', textUpdate('x'.repeat(600), 9))
    await again.until(() => again.refused.has(late))
    expect(again.refused.get(late)).toBe('relay/space-full')
  })
})

test('[P8] a frame holds so many messages and no more, and is answered by one pong however often it asks', async () => {
  const relay = startRelay({})
  const [ann, bob] = [connect(relay, { token: 'ann' }), connect(relay, { token: 'bob' })]
  await Promise.all([ann.welcomed(), bob.welcomed()])
  const pings = (count: number): Uint8Array => Uint8Array.from({ length: count * 2 }, (_, i) => (i % 2 === 0 ? 1 : 11))
  ann.sendBytes(pings(1_000))
  bob.sendBytes(pings(1_025))
  await bob.until(() => bob.closedWith !== null)
  await settle()
  expect(ann.messages.filter(({ type }) => type === 'pong').length).toBe(1)
  expect(bob.messages.at(-1)).toMatchObject({ type: 'bye', code: 'protocol/malformed' })
})

test('[P5] [P8] readers that stop reading are not buffered for, whatever credit they gave, and end equal when they read again', async () => {
  const [readers, edits, editBytes] = [40, 300, 20_000]
  const relay = startRelay({ maxRingBytes: 1 << 20 })
  const writer = connect(relay, { token: 'writer' })
  await writer.welcomed()
  const slow = Array.from({ length: readers }, (_, i) => connect(relay, { token: `reader${i}`, credit: 1 << 26 }))
  await Promise.all(slow.map((one) => one.welcomed()))
  for (const { line } of slow) line.isHeld = true
  for (let i = 1; i <= edits; i++) {
    const n = writer.push(`note/${i % 10}`, textUpdate('x'.repeat(editBytes), i))
    await writer.until(() => writer.isAcked(n))
  }
  await settle()
  const held = slow.map(({ line }) => line.held)
  // The high water, and one page over it.
  expect(Math.max(...held)).toBeLessThan((64 + 128 + 64) << 10)
  expect(edits * editBytes).toBeGreaterThan(10 * Math.max(...held))
  for (const { line } of slow) line.release()
  await Promise.all(slow.map((one) => one.until(() => one.state.cursor?.seq === edits)))
  const expected = writer.pushed
  expect(expected).toBe(edits)
  for (const one of slow.slice(0, 5)) {
    for (let d = 0; d < 10; d++) expect(one.doc(`note/${d}`).getText('t').length).toBe((edits / 10) * editBytes)
  }
})
