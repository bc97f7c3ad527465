/** What an operator does to documents of a running relay, through the same rules and the same queue as everybody else. */
import { TidemarkError } from '@tidemark/base'
import { isDocumentName, isSpaceName } from '@tidemark/protocol'
import type { Acceptor } from './acceptor.ts'
import type { Hub } from './hub.ts'
import type { Log } from './log.ts'
import type { Outcome } from './offer.ts'
import type { Member, Space } from './space.ts'

export interface RelayOperations {
  /**
   * Erases a document for good: its content, not its name, which is never used again. Devices hear of it as they read on.
   *
   * @param principal who says so; kept in the log.
   * @throws {TidemarkError} `protocol/name`, `relay/disk-full`, or `relay/log-failed` when it may or may not have happened.
   */
  purge(space: string, document: string, principal: string): Promise<void>
  /**
   * Hands on everything of a document that the relay lacks, as a device does after a loss; it claims no client id.
   *
   * @throws {TidemarkError} what a device would be refused with.
   */
  carry(space: string, document: string, update: Uint8Array, principal: string): Promise<void>
  /** Replaces what the log has of a document by one state; deleted content is gone then. @throws {TidemarkError} `relay/log-failed`. */
  compact(space: string, document: string): Promise<void>
}

export function createOperations({ hub, acceptor, log }: { hub: Hub; acceptor: Acceptor; log: Log }): RelayOperations {
  const inSpace = async <T>(name: string, document: string, run: (space: Space, member: Member) => Promise<T>): Promise<T> => {
    if (!isSpaceName(name)) throw new TidemarkError('protocol/name', `no space can be named ${JSON.stringify(name)}`)
    if (!isDocumentName(document)) throw new TidemarkError('protocol/name', `no document can be named ${JSON.stringify(document)}`)
    const member: Member = { wake: () => undefined, fail: () => undefined }
    const space = await hub.join(name, member)
    try {
      return await run(space, member)
    } finally {
      hub.leave(space, member)
    }
  }
  return {
    purge: (name, document, principal) =>
      inSpace(name, document, async (space, author) => settled(await acceptor.purge({ space, document, principal, author }))),
    carry: (name, document, update, principal) =>
      inSpace(name, document, async (space, author) =>
        settled(await acceptor.accept({ space, document, update, kind: 'carry', grant: { principal, access: 'decide' }, author })),
      ),
    compact: (name, document) => inSpace(name, document, () => log.compact(name, document)),
  }
}

function settled(outcome: Outcome): void {
  if (outcome.type === 'failed') throw outcome.error
  if (outcome.type === 'refused') throw new TidemarkError(outcome.code, outcome.detail)
}
