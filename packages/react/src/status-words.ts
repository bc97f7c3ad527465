/**
 * The status of the space in words: what a person should know, and what they can do.
 *
 * A pure function of the status and the time. Words: saved is in this browser's database, confirmed is durable at the relay.
 */
import type { SpaceStatus, TidemarkError } from '@tidemark/client'

// Shorter than this is not worth counting.
const momentMs = 5_000

export type Tone = 'good' | 'busy' | 'calm' | 'warning' | 'problem'

/** One thing that is wrong; a warning while nothing is lost yet. */
export interface ProblemWords {
  readonly tone: 'problem' | 'warning'
  readonly sentence: string
  readonly remedy: string
}

export interface StatusWords {
  readonly tone: Tone
  /** A few words for the pill. */
  readonly short: string
  /** What a screen reader announces when it changes; stays the same through keystrokes and attempts. */
  readonly announced: string
  /** Where the text is on this device. */
  readonly device: string
  /** How it stands with the relay. */
  readonly relay: string
  /** What the relay has not confirmed. */
  readonly pending: string
  /** Sentence and remedy for each thing that is wrong. */
  readonly problems: readonly ProblemWords[]
  readonly canRetry: boolean
}

type Status = Pick<
  SpaceStatus,
  'phase' | 'retryAtMs' | 'holdUntilMs' | 'pending' | 'lastConfirmedMs' | 'problem' | 'storage' | 'saving' | 'refused'
>

export function statusWords(status: Status, nowMs: number): StatusWords {
  const [tone, short] = headline(status, nowMs)
  return {
    tone,
    short,
    announced: announcement(status, short),
    device: deviceWords(status),
    relay: relayWords(status, nowMs),
    pending: pendingWords(status, nowMs),
    problems: problemWords(status),
    canRetry: status.phase === 'offline' || status.phase === 'waiting',
  }
}

type Headline = readonly [tone: Tone, short: string]

function headline(status: Status, nowMs: number): Headline {
  const { documents } = status.pending
  const waiting = documents === 0 ? '' : ` · ${documents} waiting`
  if (status.phase === 'stopped') return ['problem', `Stopped${waiting}`]
  if (status.storage.problem !== null) return ['problem', 'Not saved on this device']
  if (status.storage.kind === 'memory') return ['warning', 'Kept in this tab only']
  if (status.problem !== null || status.refused > 0) return ['warning', `Needs attention${waiting}`]
  if (status.phase === 'paused') return ['calm', `Working offline${waiting}`]
  if (status.phase === 'offline') return ['calm', `Offline${waiting}`]
  if (status.phase === 'waiting') return ['calm', `Reconnecting ${countdown(status.retryAtMs, nowMs) ?? 'soon'}`]
  if (status.phase === 'connecting') return ['busy', 'Connecting…']
  if (status.phase === 'catching-up') return ['busy', 'Catching up…']
  if (status.phase === 'local') return ['calm', status.saving ? 'Saving…' : 'On this device']
  if (documents > 0 && isHeld(status, nowMs)) return ['calm', `The relay is busy · ${documents} waiting`]
  if (status.saving || documents > 0) return ['busy', 'Sending…']
  return ['good', 'All confirmed']
}

/** Only what a listener must hear of: attempts, countdowns and keystrokes leave it as it is. */
function announcement({ phase, problem, storage }: Status, short: string): string {
  if (problem !== null || storage.problem !== null || storage.kind === 'memory') return short.replace(/ · .*/, '')
  if (phase === 'paused') return 'Working offline'
  if (phase === 'offline') return 'Offline'
  if (phase === 'waiting' || phase === 'connecting') return 'Connecting'
  if (phase === 'stopped') return 'Stopped'
  return phase === 'local' ? 'On this device' : 'Connected'
}

function countdown(retryAtMs: number | null, nowMs: number): string | null {
  if (retryAtMs === null) return null
  return `in ${Math.max(1, Math.ceil((retryAtMs - nowMs) / 1_000))} s`
}

function deviceWords({ storage, saving }: Status): string {
  if (storage.kind === 'memory') return 'Kept in this tab only: closing it loses what is not confirmed'
  if (storage.problem !== null) return 'Not saved on this device yet'
  return saving ? 'Saving on this device…' : 'Saved on this device'
}

const isHeld = ({ holdUntilMs }: Status, nowMs: number): boolean => holdUntilMs !== null && holdUntilMs > nowMs

function relayWords(status: Status, nowMs: number): string {
  const { phase, retryAtMs } = status
  switch (phase) {
    case 'live':
      if (isHeld(status, nowMs))
        return `The relay is busy: changes stay on this device and are sent ${countdown(status.holdUntilMs, nowMs)}`
      return 'Connected: changes are shared as you write'
    case 'catching-up':
      return 'Catching up with what others wrote'
    case 'connecting':
      return 'Connecting…'
    case 'waiting':
      return `Reconnecting ${countdown(retryAtMs, nowMs) ?? 'soon'}`
    case 'paused':
      return 'Working offline: changes stay on this device'
    case 'stopped':
      return 'Stopped: changes stay on this device'
    case 'local':
      return 'Changes stay on this device'
    case 'offline': {
      const next = countdown(retryAtMs, nowMs)
      return `Offline: changes stay on this device${next === null ? '' : `. Next try ${next}`}`
    }
  }
}

function pendingWords({ pending, lastConfirmedMs, phase, refused }: Status, nowMs: number): string {
  if (phase === 'local') return 'Nothing is sent: there is no relay'
  if (pending.documents === 0 && refused > 0)
    return `${refused === 1 ? '1 change was' : `${refused} changes were`} refused, all others confirmed`
  if (pending.documents === 0) {
    if (lastConfirmedMs === null) return phase === 'live' ? 'All changes confirmed' : 'Nothing waits to be sent'
    return `All changes confirmed, ${ago(nowMs - lastConfirmedMs)}`
  }
  const documents = pending.documents === 1 ? '1 document' : `${pending.documents} documents`
  const sinceMs = pending.sinceMs === null ? 0 : nowMs - pending.sinceMs
  const since = sinceMs < momentMs ? '' : `, since ${span(sinceMs)}`
  return `${documents} waiting${since} (${size(pending.bytes)})`
}

function problemWords({ problem, storage, phase }: Status): readonly ProblemWords[] {
  const words: ProblemWords[] = []
  const add = (tone: ProblemWords['tone'], error: TidemarkError | null): void => {
    if (error !== null) words.push({ tone, sentence: error.sentence, remedy: error.remedy })
  }
  add(phase === 'stopped' ? 'problem' : 'warning', problem)
  add('problem', storage.problem)
  add('warning', storage.fallback)
  return words
}

/** How long ago, in one unit: `just now`, `2 min ago`. A moment that this device's clock has not reached is just now. */
export const ago = (ms: number): string => (ms < 60_000 ? 'just now' : `${span(ms)} ago`)

/** A stretch of time in one unit: `12 s`, `2 min`, `3 h`, `4 days`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`
  const days = Math.floor(seconds / 86_400)
  return days === 1 ? '1 day' : `${days} days`
}

/** A size in one unit: `640 bytes`, `12 KB`, `3.4 MB`. */
export function size(bytes: number): string {
  if (bytes < 1_000) return bytes === 1 ? '1 byte' : `${bytes} bytes`
  if (bytes < 1_000_000) return `${Math.round(bytes / 1_000)} KB`
  return `${(bytes / 1_000_000).toFixed(1)} MB`
}
