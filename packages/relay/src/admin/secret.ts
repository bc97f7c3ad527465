/** The secret of the admin API: in a header, compared in constant time. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { TidemarkError } from '@tidemark/base'

export const minAdminSecretBytes = 32

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/**
 * Whether a request bears the secret.
 *
 * Digests are compared, so neither time nor length tells anything of the secret.
 *
 * @throws {TidemarkError} `relay/config` when the secret is too short to be one.
 */
export function createAdminCheck(secret: string): (request: IncomingMessage) => boolean {
  if (Buffer.byteLength(secret) < minAdminSecretBytes)
    throw new TidemarkError('relay/config', `the admin secret has under ${minAdminSecretBytes} bytes; make one by: openssl rand -base64 48`)
  const expected = digest(secret)
  return ({ headers: { authorization = '' } }) => {
    const [, token = ''] = /^Bearer (.+)$/.exec(authorization) ?? []
    return timingSafeEqual(digest(token), expected)
  }
}
