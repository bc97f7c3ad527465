/** The close code that ends a Tidemark connection for a reason. */
import type { TidemarkError } from '@tidemark/base'
import { closeCodes } from '@tidemark/protocol'

export function closeCodeOf({ code }: TidemarkError): number {
  switch (code) {
    case 'protocol/malformed':
      return closeCodes.malformed
    case 'protocol/version':
      return closeCodes.version
    case 'protocol/name':
      return closeCodes.notFound
    case 'relay/forbidden':
      return closeCodes.forbidden
    case 'relay/signed-out':
      return closeCodes.signedOut
    default:
      return closeCodes.busy
  }
}
