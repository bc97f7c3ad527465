/**
 * What an app that embeds the relay may add to it, as functions of its own.
 *
 * Invariants
 * 1. A hook that throws, rejects or takes longer than `hookTimeoutMs` harms nothing but what it was asked about: a gate
 *    (`onConnect`, `beforeCommit`) that fails lets nobody through, and the client is told to try again; `arbitrate` is asked
 *    again later; of the others only the log and the metrics hear.
 * 2. Hooks are called in the order of what they are about: `beforeCommit` of one document one by one, `afterCommit` in
 *    order of `seq`, once for each committed update of this relay's life.
 *
 * What must not be missed across restarts reads the feed instead (`feed-reader.ts`): `afterCommit` is told once, and a
 * relay that is killed tells nothing.
 */
import { type Clock, TidemarkError } from '@tidemark/base'
import type { Access } from '@tidemark/protocol'
import type { Intent, Verdict } from '@tidemark/schema'
import type { RelayBounds } from './limits.ts'
import type { RelayLogger } from './logger.ts'
import type { RelayMeter } from './metering.ts'

/** Stands for "no", with what a person should read. */
export interface HookRefusal {
  readonly refuse: string
}

/** A connection that is signed in. */
export interface ConnectionEvent {
  readonly space: string
  readonly principal: string
  /** The most that it may do anywhere in the space. */
  readonly access: Access
  readonly address: string
  readonly origin: string
  /** The one document of a stock client; null for a Tidemark client. */
  readonly document: string | null
}

/** An update that is about to be committed. */
export interface ProposedChange {
  readonly space: string
  readonly document: string
  readonly principal: string
  readonly kind: 'push' | 'carry'
  /** V1, cut to what the document lacks: what would be stored. */
  readonly update: Uint8Array
  /** The document as it is durable, V1; null when there is none yet. */
  current(): Promise<Uint8Array | null>
}

/** An update that is durable; a purge has none. */
export interface CommittedChange extends Omit<ProposedChange, 'current' | 'kind'> {
  readonly kind: 'push' | 'carry' | 'purge'
  readonly seq: number
}

/** An intent that waits for its answer. Its `id` stays the same whenever it is asked about again. */
export interface ArbitrationRequest extends Intent {
  readonly space: string
  readonly document: string
}

type Maybe<T> = T | Promise<T>
/** What a gate may answer: a refusal, or nothing. */
export type GateAnswer = HookRefusal | undefined

export interface RelayHooks {
  /** A signed-in connection comes; what it returns may keep it out, as `relay/forbidden`. */
  readonly onConnect?: (connection: ConnectionEvent) => Maybe<GateAnswer>
  /**
   * Asked about each update before it is committed; a refusal is `relay/refused` for that document, with the reason.
   * It may be asked about what the relay itself then refuses, and again about what was not committed.
   */
  readonly beforeCommit?: (change: ProposedChange) => Maybe<GateAnswer>
  readonly afterCommit?: (change: CommittedChange) => Maybe<void>
  readonly onDisconnect?: (connection: ConnectionEvent) => Maybe<void>
  /**
   * Answers intents of arbitrated fields, each once it is durable, one at a time in a document. It may be asked again about
   * an intent whose answer was lost with a crash, so what it does elsewhere goes by the intent's `id`.
   */
  readonly arbitrate?: (intent: ArbitrationRequest) => Maybe<Verdict>
}

export interface HookRunnerOptions {
  readonly hooks: RelayHooks
  readonly clock: Clock
  readonly bounds: RelayBounds
  readonly logger: RelayLogger
  readonly meter: RelayMeter | null
}

/** Calls hooks so that none of them can harm the relay. */
export class HookRunner {
  readonly #options: HookRunnerOptions

  constructor(options: HookRunnerOptions) {
    this.#options = options
  }

  get hooks(): RelayHooks {
    return this.#options.hooks
  }

  /**
   * What a hook answers, at once where it does.
   *
   * @throws {TidemarkError} `relay/busy` when it throws; its promise rejects with the same, also when it takes too long.
   */
  ask<T>(name: keyof RelayHooks, run: () => Maybe<T>): Maybe<T> {
    let answer: Maybe<T>
    try {
      answer = run()
    } catch (cause) {
      throw this.#failed(name, cause)
    }
    return isPromise(answer) ? this.#inTime(name, answer) : answer
  }

  /** Tells a hook; nobody waits for it. */
  tell(name: keyof RelayHooks, run: () => Maybe<void>): void {
    try {
      const told = run()
      if (isPromise(told)) told.then(undefined, (cause) => void this.#failed(name, cause))
    } catch (cause) {
      this.#failed(name, cause)
    }
  }

  /** Lets a connection in. @throws {TidemarkError} `relay/forbidden` when the app does not want it, `relay/busy` when it cannot say. */
  async admit(connection: ConnectionEvent): Promise<void> {
    const { onConnect } = this.hooks
    if (onConnect === undefined) return
    const reason = reasonOf(await this.ask('onConnect', () => onConnect(connection)))
    if (reason !== null) throw new TidemarkError('relay/forbidden', reason)
  }

  /** Tells of the end of a connection that was let in. */
  left(connection: ConnectionEvent): void {
    const { onDisconnect } = this.hooks
    if (onDisconnect !== undefined) this.tell('onDisconnect', () => onDisconnect(connection))
  }

  #inTime<T>(name: keyof RelayHooks, answer: Promise<T>): Promise<T> {
    const { clock, bounds } = this.#options
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const cancel = clock.schedule(bounds.hookTimeoutMs, () => {
      reject(this.#failed(name, new Error(`no answer within ${bounds.hookTimeoutMs} ms`)))
    })
    let isSettled = false
    const settle = (run: () => void): void => {
      isSettled = true
      cancel()
      run()
    }
    promise.catch(() => {
      isSettled = true
    })
    answer.then(
      (value) => settle(() => resolve(value)),
      (cause) => {
        if (!isSettled) settle(() => reject(this.#failed(name, cause)))
      },
    )
    return promise
  }

  #failed(name: keyof RelayHooks, cause: unknown): TidemarkError {
    const { logger, meter } = this.#options
    meter?.hookFailed(name)
    logger.error({ err: cause, hook: name }, 'a hook failed')
    return new TidemarkError('relay/busy', `the relay could not ask ${name}`, { cause })
  }
}

export const isPromise = <T>(value: Maybe<T>): value is Promise<T> => typeof (value as Promise<T> | undefined)?.then === 'function'

/** The reason that a gate gave, or null when it lets through. */
export const reasonOf = (answer: GateAnswer): string | null =>
  typeof answer === 'object' && typeof answer.refuse === 'string' ? answer.refuse.slice(0, 1_000) : null
