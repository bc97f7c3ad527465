import type { Clock } from '@tidemark/base'
import { closeCodes, createClientFrameDecoder, encodeRelayMessages, type SocketHandlers, wireLimits } from '@tidemark/protocol'
import { expect, test } from 'vitest'
import { Connection } from '../src/sync/connection.ts'

function stage() {
  let nowMs = 0
  const due: { atMs: number; run: () => void }[] = []
  const clock: Clock = {
    now: () => nowMs,
    monotonic: () => nowMs,
    schedule: (delayMs, run) => {
      const one = { atMs: nowMs + delayMs, run }
      due.push(one)
      return () => void (due.includes(one) && due.splice(due.indexOf(one), 1))
    },
  }
  const sent: string[] = []
  const closes: number[] = []
  let relay: SocketHandlers | null = null
  const decoder = createClientFrameDecoder()
  const connection = new Connection(
    (_, handlers) => {
      relay = handlers
      return {
        send: (bytes) => sent.push(...decoder.decode(bytes).map(({ type }) => type)),
        close: (code) => closes.push(code),
        bufferedBytes: 0,
      }
    },
    'ws://relay.test/v1',
    clock,
    { opened: () => undefined, message: () => undefined, beat: () => undefined, closed: () => undefined },
  )
  const relaySays = (): void => relay?.message(encodeRelayMessages([{ type: 'pong' }])[0] as Uint8Array)
  relay = relay as SocketHandlers | null
  ;(relay as unknown as SocketHandlers).open()
  const pass = (ms: number): void => {
    nowMs += ms
    for (const one of due.filter(({ atMs }) => atMs <= nowMs)) {
      due.splice(due.indexOf(one), 1)
      one.run()
    }
  }
  return { connection, sent, closes, relaySays, pass }
}

test('[P6] nothing is asked of a relay that has not answered hello, however long that takes: it would hang up for good', () => {
  const { connection, sent, closes, relaySays, pass } = stage()
  pass(wireLimits.heartbeatMs)
  connection.probe()
  expect(sent).toEqual([])
  relaySays()
  pass(wireLimits.heartbeatMs)
  connection.probe()
  expect(sent).toEqual(['ping', 'ping'])
  expect(closes).toEqual([])
})

test('silence ends the connection, at once after a probe', () => {
  const { connection, closes, relaySays, pass } = stage()
  relaySays()
  connection.probe()
  pass(wireLimits.heartbeatMs)
  expect(closes).toEqual([closeCodes.timeout])
})
