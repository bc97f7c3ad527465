/** The app's own gate before a commit: the hook `beforeCommit`, asked about what would be stored. */
import { toTidemarkError } from '@tidemark/base'
import { type GateAnswer, type HookRunner, isPromise, reasonOf } from './hooks.ts'
import type { Log } from './log.ts'
import type { Offer, Outcome } from './offer.ts'

/**
 * Null where the app lets it through; a hook that fails does not.
 *
 * @param update the offer's update, cut to what the document lacks.
 * @param durable settles when all that was accepted of the document before is durable.
 */
export function askGate(
  runner: HookRunner,
  log: Log,
  { space, document, kind, grant }: Offer,
  update: Uint8Array,
  durable: Promise<unknown> | null,
): Outcome | null | Promise<Outcome | null> {
  const { beforeCommit } = runner.hooks
  if (beforeCommit === undefined) return null
  const current = async (): Promise<Uint8Array | null> => {
    await durable
    const loaded = await log.load(space.name, document)
    return loaded === null || loaded === 'purged' ? null : loaded.update
  }
  const judged = (answer: GateAnswer): Outcome | null => {
    const reason = reasonOf(answer)
    return reason === null ? null : { type: 'refused', code: 'relay/refused', detail: reason }
  }
  const failed = (error: unknown): Outcome => ({
    type: 'refused',
    code: 'relay/busy',
    detail: toTidemarkError(error, 'relay/busy').message,
  })
  try {
    // A hook may do with the bytes what it likes.
    const change = { space: space.name, document, principal: grant.principal, kind, update: update.slice(), current }
    const answer = runner.ask('beforeCommit', () => beforeCommit(change))
    return isPromise(answer) ? answer.then(judged, failed) : judged(answer)
  } catch (error) {
    return failed(error)
  }
}
