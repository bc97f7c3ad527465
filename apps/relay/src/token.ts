/** Signs a token as a token service would: for trying a relay out, and for the services that have none. */
import { TidemarkError } from '@tidemark/base'
import { type Access, accessLevels } from '@tidemark/protocol'
import { SignJWT } from 'jose'

export interface TokenOptions {
  readonly secret: string
  readonly user: string
  readonly grants: readonly { readonly space: string; readonly prefix: string; readonly access: Access }[]
  readonly ttlS: number
}

const wrong = (what: string): TidemarkError => new TidemarkError('relay/config', what)

/** @throws {TidemarkError} `relay/config`. */
export function readTokenOptions(flags: Readonly<Record<string, unknown>>, secret: string | null): TokenOptions {
  const { user, grant = [], ttl } = flags as { user?: string; grant?: readonly string[]; ttl?: string }
  if (secret === null) throw wrong('token needs the secret: --jwt-secret-file FILE, or TIDEMARK_RELAY_JWT_SECRET')
  if (user === undefined) throw wrong('token needs --user')
  const ttlS = Number(ttl)
  if (!Number.isSafeInteger(ttlS) || ttlS <= 0) throw wrong(`--ttl takes seconds, not ${JSON.stringify(ttl)}`)
  const grants = grant.map(readGrant)
  if (grants.length === 0) throw wrong('token needs --grant SPACE=ACCESS')
  return { secret, user, grants, ttlS }
}

function readGrant(text: string): TokenOptions['grants'][number] {
  const [, space = '', prefix = '', access = ''] = /^([^:=]+)(?::([^=]*))?=(\w+)$/.exec(text) ?? []
  if (accessLevels.includes(access as Access)) return { space, prefix, access: access as Access }
  throw wrong(`--grant takes SPACE[:PREFIX]=${accessLevels.join('|')}, not ${JSON.stringify(text)}`)
}

export async function signToken({ secret, user, grants, ttlS }: TokenOptions): Promise<string> {
  const tidemark = grants.map(({ space, prefix, access }) => ({ space, ...(prefix === '' ? {} : { prefix }), access }))
  return await new SignJWT({ tidemark })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(user)
    .setIssuedAt()
    .setExpirationTime(`${ttlS}s`)
    .sign(new TextEncoder().encode(secret))
}
