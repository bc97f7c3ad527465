/** Signs a token as a token service would: for trying a relay out, and for the services that have none. */
import { SignJWT } from 'jose'
import type { TokenOptions } from './options.ts'

export async function signToken({ secret, user, grants, ttlS }: TokenOptions): Promise<string> {
  const tidemark = grants.map(({ space, prefix, access }) => ({ space, ...(prefix === '' ? {} : { prefix }), access }))
  return await new SignJWT({ tidemark })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(user)
    .setIssuedAt()
    .setExpirationTime(`${ttlS}s`)
    .sign(new TextEncoder().encode(secret))
}
