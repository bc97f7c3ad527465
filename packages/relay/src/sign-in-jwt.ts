/**
 * Signs connections in by JSON Web Tokens (RFC 7519), with the `jose` package: it is maintained, has no dependencies, and pins
 * algorithms by itself.
 *
 * A token names its user in `sub`, ends at `exp`, and says in `tidemark` what that user may do:
 * `[{ "space": "acme", "access": "write" }, { "space": "acme", "prefix": "report/", "access": "decide" }]`; the longest prefix counts,
 * and `"space": "*"` is every space.
 *
 * Invariant: no error and no log line tells any part of a token.
 */
import { type Clock, systemClock, TidemarkError } from '@tidemark/base'
import { type Access, accessLevels } from '@tidemark/protocol'
import { createLocalJWKSet, createRemoteJWKSet, errors, type JSONWebKeySet, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import type { PrefixGrant } from './grants.ts'
import type { Authorize, SignIn } from './sign-in.ts'

export interface JwtSignInOptions {
  /** A shared secret for HS256, at least 32 bytes; or where the issuer's public keys are. Exactly one of the three. */
  readonly secret?: string | Uint8Array
  /** Keys by URL (RFC 7517), fetched when first needed, kept for ten minutes, and fetched again when a token names an unknown one. */
  readonly jwksUrl?: string
  readonly jwks?: JSONWebKeySet
  /** Those that are taken; HS256 with a secret, else the asymmetric ones below. */
  readonly algorithms?: readonly string[]
  /** Who must have issued the token, and for whom. */
  readonly issuer?: string
  readonly audience?: string
  /** How far clocks may differ, seconds. */
  readonly toleranceS?: number
  readonly clock?: Clock
}

export const jwtLimits = {
  minSecretBytes: 32,
  toleranceS: 30,
  keysMaxAgeMs: 600_000,
  /** Between two fetches for keys that are not known. */
  keysCooldownMs: 30_000,
  keysTimeoutMs: 5_000,
  /** Grants of one space in one token. */
  maxGrants: 256,
} as const

const asymmetric = ['ES256', 'ES384', 'EdDSA', 'Ed25519', 'RS256', 'PS256'] as const
const symmetric = ['HS256', 'HS384', 'HS512'] as const

/** @throws {TidemarkError} `relay/config` when the options do not say, or say too weakly, how tokens are signed. */
export function jwtSignIn(options: JwtSignInOptions): Authorize {
  const { issuer, audience, toleranceS = jwtLimits.toleranceS, clock = systemClock } = options
  const { keys, algorithms } = keysOf(options)
  return async ({ token, space }) => {
    if (token === '') throw new TidemarkError('relay/signed-out', 'no token was given')
    const { payload } = await verified(() =>
      jwtVerify(token, keys, {
        algorithms: [...algorithms],
        clockTolerance: toleranceS,
        currentDate: new Date(clock.now()),
        requiredClaims: ['sub', 'exp'],
        ...(issuer === undefined ? {} : { issuer }),
        ...(audience === undefined ? {} : { audience }),
      }),
    )
    return signInOf(payload, space, toleranceS)
  }
}

function keysOf(options: JwtSignInOptions): { keys: JWTVerifyGetKey; algorithms: readonly string[] } {
  const { secret, jwksUrl, jwks } = options
  if ([secret, jwksUrl, jwks].filter((one) => one !== undefined).length !== 1) {
    throw new TidemarkError('relay/config', 'sign-in takes exactly one of a secret, a JWKS address and a JWKS')
  }
  if (secret !== undefined) {
    const bytes = typeof secret === 'string' ? new TextEncoder().encode(secret) : secret
    if (bytes.length < jwtLimits.minSecretBytes) {
      throw new TidemarkError('relay/config', `a secret has at least ${jwtLimits.minSecretBytes} bytes, not ${bytes.length}`)
    }
    return { keys: async () => bytes, algorithms: pinned(options.algorithms ?? ['HS256'], symmetric) }
  }
  const algorithms = pinned(options.algorithms ?? asymmetric, asymmetric)
  if (jwks !== undefined) return { keys: createLocalJWKSet(jwks), algorithms }
  const url = URL.parse(jwksUrl as string)
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new TidemarkError('relay/config', `${jwksUrl} is no address of a JWKS`)
  const { keysMaxAgeMs: cacheMaxAge, keysCooldownMs: cooldownDuration, keysTimeoutMs: timeoutDuration } = jwtLimits
  return { keys: createRemoteJWKSet(url, { cacheMaxAge, cooldownDuration, timeoutDuration }), algorithms }
}

/** A public key must never be taken for a secret, nor the other way round. */
function pinned(algorithms: readonly string[], known: readonly string[]): readonly string[] {
  const other = algorithms.find((one) => !known.includes(one))
  if (algorithms.length > 0 && other === undefined) return algorithms
  throw new TidemarkError('relay/config', `algorithms are some of ${known.join(', ')}${other === undefined ? '' : `, not ${other}`}`)
}

/** What is wrong with the token signs out; that the keys could not be had passes. */
async function verified<T>(verify: () => Promise<T>): Promise<T> {
  try {
    return await verify()
  } catch (cause) {
    if (cause instanceof errors.JWTExpired) throw new TidemarkError('relay/signed-out', 'the token has expired')
    const isToken = cause instanceof errors.JOSEError && !(cause instanceof errors.JWKSTimeout) && cause.code !== 'ERR_JOSE_GENERIC'
    if (isToken) throw new TidemarkError('relay/signed-out', `the token is not valid: ${(cause as errors.JOSEError).code}`)
    throw new TidemarkError('relay/busy', 'the keys that tokens are checked by cannot be had')
  }
}

function signInOf(payload: JWTPayload, space: string, toleranceS: number): SignIn {
  const { sub = '', exp = 0, tidemark } = payload
  if (!Array.isArray(tidemark)) throw new TidemarkError('relay/signed-out', 'the token has no list `tidemark` of what its user may do')
  const grants = tidemark.map(grantOf).filter((one) => one.space === space || one.space === '*')
  if (grants.length > jwtLimits.maxGrants)
    throw new TidemarkError('relay/signed-out', `the token has more than ${jwtLimits.maxGrants} grants for the space`)
  // What is said of this very space counts before what is said of all.
  const ordered = [...grants.filter((one) => one.space === '*'), ...grants.filter((one) => one.space !== '*')]
  return { principal: sub, grants: ordered.map(({ prefix, access }) => ({ prefix, access })), expiresAtMs: (exp + toleranceS) * 1_000 }
}

function grantOf(claim: unknown): PrefixGrant & { readonly space: string } {
  const { space, prefix = '', access } = (claim ?? {}) as Record<string, unknown>
  if (typeof space === 'string' && typeof prefix === 'string' && accessLevels.includes(access as Access)) {
    return { space, prefix, access: access as Access }
  }
  throw new TidemarkError('relay/signed-out', `a grant of the token is not { space, prefix?, access: ${accessLevels.join(' | ')} }`)
}
