/** What is done to a server, and what is counted. */
import { setTimeout as sleep } from 'node:timers/promises'
import * as Y from 'yjs'
import { readTrace } from '../trace.ts'
import { type Contender, connectTidemark, type Dialect, type Line, type Whereabouts } from './dialects.ts'
import { cpuMsOf, residentBytesOf } from './processes.ts'
import { markedUpdate, readMarks } from './updates.ts'

export interface ScenarioOptions {
  readonly contender: Contender
  readonly dialect: Dialect
  readonly port: number
  readonly pid: number
  readonly numbers: readonly number[]
}

type Figures = Readonly<Record<string, number>>

const room = 'room'
const writerId = 77

/** Marks of one writer. */
const perWriter = 10_000_000

/** One writer, `readers` readers; first at a moderate rate for `seconds`, then as fast as they take it. */
async function fanOut({ dialect, port, pid, numbers }: ScenarioOptions): Promise<Figures> {
  const [readers = 50, seconds = 4] = numbers
  const sentMs: number[] = []
  const delays: number[] = []
  const counts = new Array<number>(readers).fill(0)
  /** What the first reader has seen of each writer. */
  const seen: number[] = []
  let isTimed = true
  const writer = dialect.connect(port, room, () => undefined)
  await writer.ready
  const lines = counts.map((_, reader) =>
    dialect.connect(port, room, (message) =>
      readMarks(message, (i) => {
        counts[reader] = (counts[reader] as number) + 1
        if (reader === 0) seen[Math.floor(i / perWriter)] = (seen[Math.floor(i / perWriter)] ?? 0) + 1
        if (isTimed) delays.push(performance.now() - (sentMs[i] as number))
      }),
    ),
  )
  await Promise.all(lines.map(({ ready }) => ready))
  let sent = 0
  const send = (): void => {
    sentMs.push(performance.now())
    writer.send(markedUpdate(writerId, sent++))
  }
  const everybody = async (): Promise<void> => {
    const endMs = performance.now() + 20_000
    while (counts.some((count) => count < sent)) {
      if (performance.now() > endMs) throw new Error(`${Math.min(...counts)} of ${sent} updates came`)
      await sleep(2)
    }
  }
  for (let i = 0; i < 100; i++) send()
  await everybody()

  delays.length = 0
  const perSecond = 200
  const steadyCpu = cpuMsOf(pid)
  const startMs = performance.now()
  for (let i = 0; i < perSecond * seconds; i++) {
    const dueMs = startMs + (i * 1_000) / perSecond
    if (dueMs > performance.now() + 1) await sleep(Math.max(0, dueMs - performance.now()))
    send()
  }
  await everybody()
  const steadyDeliveries = perSecond * seconds * readers
  const steadyCpuMs = cpuMsOf(pid) - steadyCpu
  delays.sort((a, b) => a - b)
  const [p50 = 0, p99 = 0] = [0.5, 0.99].map((part) => delays[Math.floor(delays.length * part)] as number)

  isTimed = false
  // Several writers, since one may have only so much in flight.
  const others = await connectAll(3, () => dialect.connect(port, room, () => undefined))
  const writers = [
    { line: writer, client: writerId, next: sent },
    ...others.map((line, i) => ({ line, client: writerId + 1 + i, next: 0 })),
  ]
  const fastCpu = cpuMsOf(pid)
  const before = sent
  const fastStartMs = performance.now()
  // Below what a session of the relay may have in flight, each.
  const maxUnseen = 224
  const isOver = (): boolean => performance.now() - fastStartMs >= seconds * 1_000
  while (!isOver()) {
    for (const [w, one] of writers.entries()) {
      if (sent - Math.min(...counts) >= maxUnseen * writers.length) break
      for (let i = 0; i < 16 && one.next - (seen[w] ?? 0) < maxUnseen; i++, sent++) {
        one.line.send(markedUpdate(one.client, one.next, w * perWriter + one.next))
        one.next++
      }
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  await everybody()
  const fastDeliveries = (sent - before) * readers
  const fastSeconds = (performance.now() - fastStartMs) / 1_000
  return {
    p50Ms: p50,
    p99Ms: p99,
    steadyCpuMsPer100k: (steadyCpuMs / steadyDeliveries) * 100_000,
    deliveriesPerSecond: fastDeliveries / fastSeconds,
    fastCpuMsPer100k: ((cpuMsOf(pid) - fastCpu) / fastDeliveries) * 100_000,
  }
}

/** A document of 259,778 keystrokes: joined with nothing, with all but the last keystroke, and by fifty at once. */
async function join({ contender, dialect, port }: ScenarioOptions): Promise<Figures> {
  const doc = new Y.Doc({ guid: 'paper' })
  const paper = doc.getText('t')
  doc.transact(() => {
    for (const [position, deleted, inserted] of readTrace()) {
      if (deleted > 0) paper.delete(position, deleted)
      if (inserted !== '') paper.insert(position, inserted)
    }
  })
  const whole = Y.encodeStateAsUpdate(doc)
  const before = Y.encodeStateVector(doc)
  paper.insert(0, 'x')
  const last = Y.encodeStateAsUpdate(doc, before)
  const writer = dialect.connect(port, room, () => undefined)
  await writer.ready
  writer.send(whole)
  await sleep(3_000)
  const at: Whereabouts = { cursor: null, incarnations: [] }
  if (contender === 'tidemark') {
    const follower = connectTidemark(port, room, 'note/1', () => undefined, at)
    await follower.ready
    follower.ws.close()
  }
  writer.send(last)
  await sleep(500)
  const dial = (count: (bytes: number) => void, stateVector?: Uint8Array): Line =>
    dialect.connect(port, room, (message) => count(message.length), stateVector)
  const took: number[] = []
  let freshBytes = 0
  for (let i = 0; i < 5; i++) {
    const startMs = performance.now()
    freshBytes = 0
    const line = dial((bytes) => {
      freshBytes += bytes
    })
    await line.ready
    took.push(performance.now() - startMs)
    line.ws.close()
  }
  let nearBytes = 0
  const count = (message: Buffer | number): void => {
    nearBytes += typeof message === 'number' ? message : message.length
  }
  const nearMs = performance.now()
  const near = contender === 'tidemark' ? connectTidemark(port, room, 'note/1', count, at) : dial(count, before)
  await near.ready
  const nearTook = performance.now() - nearMs
  const manyMs = performance.now()
  await Promise.all(Array.from({ length: 50 }, () => dial(() => undefined).ready))
  took.sort((a, b) => a - b)
  return { coldMs: took[2] ?? 0, coldBytes: freshBytes, nearMs: nearTook, nearBytes, fiftyMs: performance.now() - manyMs }
}

/** Rooms of two, each with an edit every second. */
async function rooms({ dialect, port, pid, numbers }: ScenarioOptions): Promise<Figures> {
  const [count = 2_000, seconds = 4] = numbers
  const delays: number[] = []
  const sentMs = new Map<number, number>()
  let seen = 0
  const writers = await connectAll(count, (i) => dialect.connect(port, `room${i}`, () => undefined))
  await connectAll(count, (i) =>
    dialect.connect(port, `room${i}`, (message) =>
      readMarks(message, (round) => {
        seen++
        delays.push(performance.now() - (sentMs.get(round * count + i) as number))
      }),
    ),
  )
  const cpu = cpuMsOf(pid)
  const startMs = performance.now()
  const total = count * seconds
  for (let sent = 0; sent < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - startMs) / 1_000) * count))
    for (; sent < due; sent++) {
      sentMs.set(sent, performance.now())
      writers[sent % count]?.send(markedUpdate(writerId, Math.floor(sent / count)))
    }
    await sleep(1)
  }
  const endMs = performance.now() + 10_000
  while (seen < total && performance.now() < endMs) await sleep(2)
  delays.sort((a, b) => a - b)
  return {
    delivered: seen / total,
    p50Ms: delays[Math.floor(delays.length / 2)] ?? 0,
    p99Ms: delays[Math.floor(delays.length * 0.99)] ?? 0,
    cpuMsPer1k: ((cpuMsOf(pid) - cpu) / total) * 1_000,
  }
}

/** Connections that do nothing, each in a room of its own. */
async function idle({ dialect, port, pid, numbers }: ScenarioOptions): Promise<Figures> {
  const [count = 5_000] = numbers
  const first = dialect.connect(port, 'first', () => undefined)
  await first.ready
  await sleep(500)
  const before = residentBytesOf(pid)
  await connectAll(count, (i) => dialect.connect(port, `room${i % 50}`, () => undefined))
  await sleep(2_000)
  return { bytesPerConnection: (residentBytesOf(pid) - before) / count }
}

/** Clients that all come at once, as after a restart. */
async function crowd({ dialect, port, numbers }: ScenarioOptions): Promise<Figures> {
  const [count = 1_000] = numbers
  const startMs = performance.now()
  const lines = Array.from({ length: count }, (_, i) => dialect.connect(port, `room${i % 50}`, () => undefined))
  const came = await Promise.allSettled(lines.map(({ ready }) => ready))
  return { ms: performance.now() - startMs, failed: came.filter(({ status }) => status === 'rejected').length }
}

/** One client that is in sync with `count` documents comes back: what goes each way. */
async function inSync({ contender, dialect, port, numbers }: ScenarioOptions): Promise<Figures> {
  const [count = 1_000] = numbers
  const at: Whereabouts = { cursor: null, incarnations: [] }
  const names = Array.from({ length: count }, (_, i) => `note/${i}`)
  if (contender === 'tidemark') {
    for (const name of names) {
      const line = connectTidemark(port, 'acme', name, () => undefined, { cursor: null, incarnations: [] })
      await line.ready
      line.send(markedUpdate(writerId, 0))
      await sleep(0)
      line.ws.close()
    }
    const follow = connectTidemark(port, 'acme', '', () => undefined, at)
    await follow.ready
    await sleep(300)
    follow.ws.close()
    return traffic([connectTidemark(port, 'acme', '', () => undefined, at)])
  }
  const stateVector = Uint8Array.of(1, writerId, 9)
  const lines = await connectAll(count, (i) => dialect.connect(port, names[i] as string, () => undefined))
  for (const line of lines) line.send(markedUpdate(writerId, 0))
  await sleep(500)
  return traffic(names.map((name) => dialect.connect(port, name, () => undefined, stateVector)))
}

/** What goes each way over lines that were just dialled, without the upgrade; frames and bytes of payload. */
async function traffic(lines: readonly Line[]): Promise<Figures> {
  const sum = { framesUp: 0, bytesUp: 0, framesDown: 0, bytesDown: 0 }
  for (const { ws } of lines) {
    const send = ws.send.bind(ws) as (data: Uint8Array) => void
    ws.send = ((data: Uint8Array) => {
      sum.framesUp++
      sum.bytesUp += data.length
      send(data)
    }) as typeof ws.send
    ws.on('message', (data: Buffer) => {
      sum.framesDown++
      sum.bytesDown += data.length
    })
  }
  await Promise.all(lines.map(({ ready }) => ready))
  await sleep(500)
  return { ...sum, connections: lines.length }
}

/** Dials in groups, since this process has to answer for all of them. */
async function connectAll(count: number, dial: (i: number) => Line): Promise<Line[]> {
  const lines: Line[] = []
  for (let from = 0; from < count; from += 200) {
    const group = Array.from({ length: Math.min(200, count - from) }, (_, i) => dial(from + i))
    await Promise.all(group.map(({ ready }) => ready))
    lines.push(...group)
  }
  return lines
}

export const scenarios = { fanOut, join, rooms, idle, crowd, inSync } as const

export type Scenario = keyof typeof scenarios
