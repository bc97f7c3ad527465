/**
 * A session's sign-in over its life: the first token, those that replace it, and its end.
 *
 * Invariants
 * 1. A permit that has ended allows nothing: the session is told in the same turn of the clock.
 * 2. A later token is of the same principal; anybody else's ends the session.
 * 3. Of tokens that are looked at together, the one that came last counts.
 */
import { type Clock, TidemarkError } from '@tidemark/base'
import { relayPrincipal } from './arbitration.ts'
import { createGrants, type Grants } from './grants.ts'
import type { ConnectionEvent } from './hooks.ts'
import type { ConnectionInfo } from './relay.ts'
import type { Authorize, SignIn, SignInRequest } from './sign-in.ts'

export interface Permit {
  readonly principal: string
  readonly grants: Grants
  /** Ms since 1970; null for never. */
  readonly expiresAtMs: number | null
}

export interface PermitKeeperOptions {
  readonly authorize: Authorize
  readonly clock: Clock
  readonly request: Omit<SignInRequest, 'token'>
  /** The permit was replaced. */
  readonly changed: (permit: Permit, before: Permit) => void
  /** There is no permit any more. */
  readonly ended: (error: TidemarkError) => void
}

/** The keeper of one session's permit. */
export const keepPermit = (
  { authorize, clock }: { readonly authorize: Authorize; readonly clock: Clock },
  { address = '', origin = '' }: ConnectionInfo,
  space: string,
  handlers: Pick<PermitKeeperOptions, 'changed' | 'ended'>,
): PermitKeeper => new PermitKeeper({ authorize, clock, request: { space, address, origin }, ...handlers })

/** A signed-in connection as hooks see it. */
export const connectionOf = (
  { principal, grants }: Permit,
  space: string,
  { address = '', origin = '' }: ConnectionInfo,
  document: string | null,
): ConnectionEvent => ({ space, principal, access: grants.highest, address, origin, document })

/** Longest wait that timers take, ms; a permit that ends later is looked at again then. */
const maxTimerMs = 2 ** 31 - 1

export class PermitKeeper {
  readonly #options: PermitKeeperOptions
  #token = ''
  #permit: Permit | null = null
  #turn = 0
  #cancelEnd: () => void = () => undefined
  #isClosed = false

  constructor(options: PermitKeeperOptions) {
    this.#options = options
  }

  /** @throws {TidemarkError} as `Authorize`. */
  async begin(token: string): Promise<Permit> {
    this.#token = token
    const permit = await this.#ask(token)
    this.#take(permit)
    return permit
  }

  /** Takes another token, or the same one again where what it is worth may have changed. */
  renew(token: string = this.#token): void {
    const turn = ++this.#turn
    this.#ask(token).then(
      (permit) => {
        const before = this.#permit
        if (this.#isClosed || turn !== this.#turn || before === null) return
        if (permit.principal !== before.principal) {
          return this.#options.ended(new TidemarkError('relay/signed-out', 'the new token is of another user'))
        }
        this.#token = token
        this.#take(permit)
        this.#options.changed(permit, before)
      },
      (error: TidemarkError) => {
        if (!this.#isClosed && turn === this.#turn) this.#options.ended(error)
      },
    )
  }

  close(): void {
    this.#isClosed = true
    this.#cancelEnd()
  }

  async #ask(token: string): Promise<Permit> {
    const { authorize, clock, request } = this.#options
    let signIn: SignIn
    try {
      signIn = await authorize({ ...request, token })
    } catch (cause) {
      if (cause instanceof TidemarkError) throw cause
      throw new TidemarkError('relay/busy', 'the sign-in could not be checked', { cause })
    }
    const { principal, expiresAtMs } = signIn
    const grants = createGrants(signIn.grants)
    if (principal === relayPrincipal) throw new TidemarkError('relay/signed-out', `${relayPrincipal} is the relay's own name`)
    if (principal === '') throw new TidemarkError('relay/signed-out', 'the sign-in names nobody')
    if (grants.highest === 'none') throw new TidemarkError('relay/forbidden', `no access to ${request.space}`)
    if (expiresAtMs !== null && expiresAtMs <= clock.now()) throw expired()
    return { principal, grants, expiresAtMs }
  }

  #take(permit: Permit): void {
    this.#permit = permit
    this.#cancelEnd()
    if (permit.expiresAtMs !== null && !this.#isClosed) this.#watch(permit.expiresAtMs)
  }

  #watch(expiresAtMs: number): void {
    const { clock, ended } = this.#options
    const leftMs = expiresAtMs - clock.now()
    this.#cancelEnd = clock.schedule(Math.min(Math.max(0, leftMs), maxTimerMs), () => {
      if (clock.now() < expiresAtMs) this.#watch(expiresAtMs)
      else ended(expired())
    })
  }
}

const expired = (): TidemarkError => new TidemarkError('relay/signed-out', 'the sign-in has expired')
