import type { RefusedUpdate } from './batch-plan.ts'
import type { RefusedChange } from './stored.ts'

/** The refused changes that these updates make up, in order of name and branch. */
export function refusedChangesOf(updates: readonly RefusedUpdate[]): readonly RefusedChange[] {
  const groups = Map.groupBy(updates, ({ name, branch }) => JSON.stringify([name, branch]))
  const changes = [...groups.values()].map((group): RefusedChange => {
    const { name, branch } = group[0] as RefusedUpdate
    return {
      name,
      branch,
      code: group.find(({ code }) => code !== null)?.code ?? null,
      sinceMs: Math.min(...group.map(({ atMs }) => atMs)),
      updates: group
        .map(({ writer, n, bytes }) => ({ writer, n, bytes }))
        .sort((a, b) => (a.writer < b.writer ? -1 : a.writer > b.writer ? 1 : a.n - b.n)),
    }
  })
  return changes.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.branch - b.branch))
}
