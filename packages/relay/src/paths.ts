/**
 * What an upgrade's path asks for.
 *
 * `/v1` is Tidemark's protocol. `/<space>/<document>` is the stock protocol; the document is everything behind
 * the space, percent-decoded; `?token=` signs in, since stock clients can say it nowhere else. `/v1` has no document part, so no space is shadowed by it but one named `v1`,
 * which stock clients therefore reach like any other, by its documents.
 */
import { isDocumentName, isSpaceName } from '@tidemark/protocol'
import type { StockTarget } from './stock-session.ts'

export type UpgradePath = { readonly type: 'tidemark' } | ({ readonly type: 'stock'; readonly token: string } & StockTarget)

/** The path Tidemark clients dial, behind the relay's address. */
export const protocolPath = '/v1'

/** Null when nothing answers there. `url` is the request's, as it arrived. */
export function readUpgradePath(url: string): UpgradePath | null {
  const path = url.split(/[?#]/, 1)[0] ?? ''
  if (path === protocolPath) return { type: 'tidemark' }
  const slash = path.indexOf('/', 1)
  if (!path.startsWith('/') || slash < 0) return null
  const space = decoded(path.slice(1, slash))
  const document = decoded(path.slice(slash + 1))
  if (space === null || document === null || !isSpaceName(space) || !isDocumentName(document)) return null
  return { type: 'stock', space, document, token: new URLSearchParams(url.split('#', 1)[0]?.split('?')[1] ?? '').get('token') ?? '' }
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part)
  } catch {
    // reason: the only failure is a malformed escape, and that is the answer.
    return null
  }
}
