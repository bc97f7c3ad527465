/** What a welcome changes in the store, in one commit: where the replica stands, and what the relay lost of what it knows. */
import type { Welcome } from '@tidemark/protocol'
import type { LocalStore } from '@tidemark/store'
import { cursorJson, incarnationsJson, type ReplicaState, welcomed } from './replica.ts'

/** Where the store's `state` keeps the incarnations lived through. */
export const incarnationsKey = 'incarnations'
const clockOffsetKey = 'clockOffsetMs'

/** Gives where the replica stands now. @throws {TidemarkError} `store/…` where the store does not take it. */
export async function storeWelcome(
  store: LocalStore,
  before: ReplicaState,
  welcome: Welcome,
  scope: string,
  clockOffsetMs: number,
): Promise<ReplicaState> {
  const { state, carryAfter } = welcomed(before, welcome, scope)
  const lost = carryAfter === null ? [] : await store.changedAfter(carryAfter)
  await store.commit({
    ...(state === before ? {} : { cursor: { follows: cursorJson(before.cursor), next: cursorJson(state.cursor) } }),
    docs: lost.map((name) => ({ name, carry: true, lastSeq: carryAfter ?? 0 })),
    state: { [incarnationsKey]: incarnationsJson(state.incarnations), [clockOffsetKey]: clockOffsetMs },
  })
  return state
}
