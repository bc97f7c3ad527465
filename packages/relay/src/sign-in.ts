/**
 * Who a connection acts for, as a port: what a token is worth is decided by whoever runs the relay.
 *
 * `jwtSignIn` (`sign-in-jwt.ts`) reads signed tokens; an app that embeds the relay may bring a function of its own.
 */
import type { PrefixGrant } from './grants.ts'

/** What a connection brings to be signed in. */
export interface SignInRequest {
  /** As the client gave it, in its first message or, by the stock protocol, in the address; '' for none. */
  readonly token: string
  readonly space: string
  /** The address of the other end, where there is one. */
  readonly address: string
  /** The page that it comes from, as browsers tell; '' for programs. */
  readonly origin: string
}

/** Whom a session acts for, and what that one may do in the space. */
export interface SignIn {
  /** Stands in the log, and owns client ids. Never '' . */
  readonly principal: string
  readonly grants: readonly PrefixGrant[]
  /** When it ends, ms since 1970 by the relay's clock; null for never. */
  readonly expiresAtMs: number | null
}

/**
 * Signs a connection in. Called for the first message, and again for each token that replaces the one before.
 *
 * @throws {TidemarkError} `relay/signed-out` for a token that is not valid (any more); `relay/forbidden` where the principal has
 *   nothing to do in this space. Anything else thrown counts as `relay/busy`: the one who knows cannot be asked.
 */
export type Authorize = (request: SignInRequest) => SignIn | Promise<SignIn>

/** Everyone is the same principal and may do everything: only for machines that nobody else can reach, or behind a gate. */
export const anonymous: SignIn = { principal: 'anonymous', grants: [{ prefix: '', access: 'decide' }], expiresAtMs: null }
