import { TidemarkError } from '@tidemark/client'
import { describe, expect, test } from 'vitest'
import { size, span, statusWords } from '../src/status-words.ts'

type Status = Parameters<typeof statusWords>[0]

const now = 1_800_000_000_000
const storage = { kind: 'indexeddb', fallback: null, problem: null, quarantined: 0, evicted: 'no', estimate: null } as const
const calm: Status = {
  phase: 'live',
  retryAtMs: null,
  holdUntilMs: null,
  pending: { documents: 0, bytes: 0, sinceMs: null },
  lastConfirmedMs: now - 5_000,
  problem: null,
  storage,
  saving: false,
  refused: 0,
}
const words = (part: Partial<Status>) => statusWords({ ...calm, ...part }, now)
const three = { documents: 3, bytes: 12_345, sinceMs: now - 125_000 }

describe('the status in words', () => {
  test('[P1] says that all is saved and confirmed', () => {
    expect(words({})).toMatchObject({
      tone: 'good',
      short: 'All confirmed',
      device: 'Saved on this device',
      pending: 'All changes confirmed, just now',
    })
  })

  test('[P6] says how much waits and since when', () => {
    expect(words({ phase: 'offline', pending: three })).toMatchObject({
      tone: 'calm',
      short: 'Offline · 3 waiting',
      relay: 'Offline: changes stay on this device',
      pending: '3 documents waiting, since 2 min (12 KB)',
      canRetry: true,
    })
  })

  test('[P6] says that the relay is busy, while it is', () => {
    const held = { pending: three, holdUntilMs: now + 2_500 }
    expect(words(held)).toMatchObject({
      tone: 'calm',
      short: 'The relay is busy · 3 waiting',
      announced: 'Connected',
      relay: 'The relay is busy: changes stay on this device and are sent in 3 s',
    })
    expect(words({ ...held, holdUntilMs: now })).toMatchObject({ short: 'Sending…', relay: 'Connected: changes are shared as you write' })
    expect(words({ holdUntilMs: now + 2_500 }).short).toBe('All confirmed')
  })

  test('[P6] counts down to the next try, but announces nothing while it counts and tries', () => {
    expect(words({ phase: 'waiting', retryAtMs: now + 3_200 })).toMatchObject({
      short: 'Reconnecting in 4 s',
      announced: 'Connecting',
      relay: 'Reconnecting in 4 s',
    })
    expect(words({ phase: 'waiting', retryAtMs: now - 10 }).short).toBe('Reconnecting in 1 s')
    expect(words({ phase: 'waiting' }).short).toBe('Reconnecting soon')
  })

  test('[P6] gives the sentence and the remedy of a problem', () => {
    const problem = new TidemarkError('relay/signed-out', 'expired')
    expect(words({ phase: 'stopped', problem })).toMatchObject({
      tone: 'problem',
      short: 'Stopped',
      problems: [{ tone: 'problem', sentence: 'The relay does not accept this sign-in.', remedy: 'Sign in again.' }],
      canRetry: false,
    })
  })

  test('[P6] warns where changes last only as long as the tab', () => {
    const fallback = new TidemarkError('store/unavailable', 'private mode')
    const said = words({ storage: { ...storage, kind: 'memory', fallback } })
    expect(said).toMatchObject({ tone: 'warning', short: 'Kept in this tab only' })
    expect(said.problems).toMatchObject([{ tone: 'warning' }])
  })

  test('[P6] says when a change is not saved on this device', () => {
    const problem = new TidemarkError('store/full', 'quota')
    expect(words({ storage: { ...storage, problem } })).toMatchObject({
      tone: 'problem',
      device: 'Not saved on this device yet',
    })
  })

  test('[P7] never calls a refused change confirmed', () => {
    expect(words({ refused: 1 })).toMatchObject({
      tone: 'warning',
      short: 'Needs attention',
      pending: '1 change was refused, all others confirmed',
    })
  })

  test('tells saving, sending, connecting and a chosen offline apart', () => {
    expect(words({ saving: true }).short).toBe('Sending…')
    expect(words({ phase: 'local', saving: true }).short).toBe('Saving…')
    expect(words({ pending: { ...three, documents: 1 } }).short).toBe('Sending…')
    expect(words({ phase: 'connecting' }).short).toBe('Connecting…')
    expect(words({ phase: 'catching-up' }).short).toBe('Catching up…')
    expect(words({ phase: 'paused' }).short).toBe('Working offline')
    expect(words({ phase: 'local' }).short).toBe('On this device')
  })
})

test('spans and sizes have one unit', () => {
  expect([0, 59_999, 60_000, 7_200_000, 86_400_000, 200_000_000].map(span)).toEqual(['0 s', '59 s', '1 min', '2 h', '1 day', '2 days'])
  expect([1, 999, 1_000, 3_400_000].map(size)).toEqual(['1 byte', '999 bytes', '1 KB', '3.4 MB'])
})
