/** What the relay refused and this device keeps. */
import type { LocalStore } from '@tidemark/store'

/** Takes the refusals off all pending documents, so that they are pushed again; gives their names. */
export async function forgetRefusals(store: LocalStore): Promise<readonly string[]> {
  const totals = await store.pendingTotals()
  const refused = (await store.pending(totals.documents)).filter(({ record }) => record.problem !== null)
  const names = refused.map(({ record }) => record.name)
  if (names.length > 0) await store.commit({ docs: names.map((name) => ({ name, problem: null })) })
  return names
}
