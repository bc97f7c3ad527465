import { TidemarkError } from '@tidemark/base'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { backoffLimits, backoffMs, initialState, phaseOf, type SyncEvent, type SyncState, step } from '../src/sync/machine.ts'

const bye = (code: 'relay/busy' | 'relay/signed-out', retryAfterMs = 0): SyncEvent => ({
  type: 'bye',
  error: new TidemarkError(code, 'test'),
  retryAfterMs,
})
const closed: SyncEvent = { type: 'closed', code: 1006, reason: '' }
const words: Record<string, SyncEvent> = {
  closed,
  busy: bye('relay/busy', 5_000),
  'signed-out': bye('relay/signed-out'),
  malformed: { type: 'closed', code: 4400, reason: 'test' },
}

/** `run('lead opened welcomed')` tells after each event the phase, and in brackets what was done. */
function run(script: string): string {
  let state: SyncState = initialState({ paused: false, online: true })
  return script
    .split(' ')
    .map((word) => {
      const next = step(state, words[word] ?? ({ type: word } as SyncEvent), { nowMs: 1_000, chance: 0.5 })
      state = next.state
      const done = next.effects.map((effect) => (effect.type === 'wait' ? `wait ${effect.delayMs}` : effect.type)).join('+')
      return phaseOf(state) + (done === '' ? '' : `(${done})`)
    })
    .join(' ')
}

describe('the sync state machine', () => {
  test('dials when the tab leads, greets when the socket opens, and is live when caught up', () => {
    expect(run('lead opened welcomed caught-up')).toBe('connecting(dial) connecting(greet) catching-up live')
  })
  test('[P6] waits longer after each connection that ends, and dials again when the time comes', () => {
    expect(run('lead closed timer closed timer closed')).toBe(
      'connecting(dial) waiting(wait 250) connecting(dial+cancel-wait) waiting(wait 500) connecting(dial+cancel-wait) waiting(wait 1000)',
    )
  })
  test('[P6] starts the backoff over only after a stable connection', () => {
    expect(run('lead closed timer opened welcomed closed').split(' ').at(-1)).toBe('500)')
    expect(run('lead closed timer opened welcomed stable closed').split(' ').at(-1)).toBe('250)')
  })
  test.each(['retry-now', 'online', 'visible'])('%s ends the waiting at once', (event) => {
    expect(run(`lead closed ${event}`)).toBe('connecting(dial) waiting(wait 250) connecting(dial+cancel-wait)')
  })
  test('[P6] a permanent refusal stops until the user says so', () => {
    expect(run('lead opened signed-out closed timer online visible retry-now')).toBe(
      'connecting(dial) connecting(greet) stopped(hang-up) stopped stopped stopped stopped connecting(dial)',
    )
    expect(run('lead malformed timer')).toBe('connecting(dial) stopped stopped')
  })
  test("obeys the relay's time to come back", () => {
    expect(run('lead opened welcomed busy closed')).toBe('connecting(dial) connecting(greet) catching-up catching-up(wait 5000) waiting')
  })
  test('a pause hangs up, and nothing but resume dials again', () => {
    expect(run('lead opened welcomed pause online timer retry-now resume')).toBe(
      'connecting(dial) connecting(greet) catching-up paused(hang-up) paused paused paused connecting(dial)',
    )
  })
  test('without a network it still tries, and says offline meanwhile', () => {
    expect(run('lead offline closed timer opened welcomed')).toBe(
      'connecting(dial) offline offline(wait 250) offline(dial+cancel-wait) offline(greet) catching-up',
    )
  })
  test('a tab that does not lead never dials', () => {
    expect(run('online visible retry-now timer')).not.toContain('dial')
  })

  test('whatever happens, one connection at most is open and every wait ends in a dial', () => {
    const kinds = [
      'lead',
      'pause',
      'resume',
      'online',
      'offline',
      'visible',
      'retry-now',
      'timer',
      'opened',
      'welcomed',
      'caught-up',
      'stable',
      'closed',
      'busy',
      'signed-out',
    ]
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...kinds), { maxLength: 40 }), (script) => {
        let state = initialState({ paused: false, online: true })
        let open = 0
        let isWaiting = false
        for (const word of script) {
          if (word === 'closed' && open === 0) continue
          if (word === 'closed') open--
          const next = step(state, words[word] ?? ({ type: word } as SyncEvent), { nowMs: 0, chance: 0.5 })
          state = next.state
          for (const effect of next.effects) {
            if (effect.type === 'dial') open++
            if (effect.type === 'hang-up') open--
            if (effect.type === 'wait') isWaiting = true
            if (effect.type === 'cancel-wait') isWaiting = false
          }
          expect(open).toBe(state.connection === 'none' ? 0 : 1)
          const isWanted = state.leads && !state.paused && state.stopped === null
          if (isWanted && state.connection === 'none') expect(isWaiting).toBe(true)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('the backoff stays within its bounds', () => {
    fc.assert(
      fc.property(fc.nat(1_000), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, chance) => {
        expect(backoffMs(attempt, chance)).toBeLessThanOrEqual(backoffLimits.maxMs)
        expect(backoffMs(attempt, chance)).toBeGreaterThanOrEqual(0)
      }),
    )
  })
})
