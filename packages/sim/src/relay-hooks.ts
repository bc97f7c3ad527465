/** The relay's hooks under test: an app's own, or simulated ones; what they are asked and say is told. */
import type { Clock, Random } from '@tidemark/base'
import type { ArbitrationRequest, CommittedChange, ConnectionEvent, LogEntry, ProposedChange, RelayHooks } from '@tidemark/relay'
import type { Life } from './life.ts'

/** What hooks have of the world: each life of the relay has its own. */
export interface HookSurroundings {
  /** Virtual time; what waits by it never wakes when the relay dies. */
  readonly clock: Clock
  readonly random: Random
}

/** Makes the hooks of one life of the relay. What they remember across lives stands in a closure around it, as an app's database does. */
export type HooksUnderTest = (relay: HookSurroundings) => RelayHooks

/** An `arbitrate` that is asked about an intent. */
export interface Asked {
  /** The life of the relay. */
  readonly life: string
  readonly atMs: number
  readonly request: ArbitrationRequest
}

/** What hooks are asked and told, and what they say. */
export type HookEvent =
  | { readonly type: 'hook-asked'; readonly asked: Asked }
  /** `verdict` is null where the hook failed. */
  | { readonly type: 'hook-said'; readonly asked: Asked; readonly verdict: unknown }
  /** A gate let something or somebody through, or did not: the reason, or null. Nothing is told of one that failed. */
  | { readonly type: 'gate'; readonly change: ProposedChange; readonly reason: string | null }
  | { readonly type: 'admitted'; readonly connection: ConnectionEvent; readonly reason: string | null }
  | { readonly type: 'left'; readonly connection: ConnectionEvent }
  /** `afterCommit`. */
  | { readonly type: 'told'; readonly change: CommittedChange }
  /** The log told the relay that these are durable. */
  | { readonly type: 'appended'; readonly entries: readonly LogEntry[]; readonly seqs: readonly number[] }

/** The hooks, and a witness beside each of them. */
export function witnessed(hooks: RelayHooks, life: Life, nowMs: () => number, tell: (event: HookEvent) => void): RelayHooks {
  // Who is let in is known also where the app lets everybody in.
  const { arbitrate, beforeCommit, onConnect = () => undefined, afterCommit, onDisconnect } = hooks
  return {
    ...hooks,
    ...(arbitrate === undefined
      ? {}
      : {
          arbitrate: (request) => {
            const asked: Asked = { life: life.name, atMs: nowMs(), request }
            tell({ type: 'hook-asked', asked })
            return heard(
              life,
              () => arbitrate(request),
              (verdict) => tell({ type: 'hook-said', asked, verdict }),
            )
          },
        }),
    ...(beforeCommit === undefined
      ? {}
      : {
          beforeCommit: (change) =>
            heard(
              life,
              () => beforeCommit(change),
              (answer) => {
                if (answer !== null) tell({ type: 'gate', change, reason: answer?.refuse ?? null })
              },
            ),
        }),
    onConnect: (connection) =>
      heard(
        life,
        () => onConnect(connection),
        (answer) => {
          if (answer !== null) tell({ type: 'admitted', connection, reason: answer?.refuse ?? null })
        },
      ),
    afterCommit: (change) => {
      if (life.isAlive) tell({ type: 'told', change })
      return afterCommit?.(change)
    },
    onDisconnect: (connection) => {
      if (life.isAlive) tell({ type: 'left', connection })
      return onDisconnect?.(connection)
    },
  }
}

/** Runs a hook and hears what it says, at once or later; null where it failed. */
function heard<T>(life: Life, run: () => T | Promise<T>, hear: (answer: T | null) => void): T | Promise<T> {
  const alive = (answer: T | null): void => {
    if (life.isAlive) hear(answer)
  }
  try {
    const answer = run()
    if (answer instanceof Promise) answer.then(alive, () => alive(null))
    else alive(answer)
    return answer
  } catch (error) {
    alive(null)
    throw error
  }
}
