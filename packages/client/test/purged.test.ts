/** What was erased at the relay for good, on devices that are in the middle of something with it. */
import { memoryStore, type OpenStore } from '@tidemark/store'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Space } from '../src/index.ts'
import { gate, Stage, turns } from './stage.ts'
import { changedStore, confirmed, Report, until } from './world.ts'

let stage: Stage
beforeEach(() => {
  stage = new Stage()
})
afterEach(() => stage.close())

const idsOf = (space: Space): string[] => {
  const query = space.query(Report)
  const ids = query.rows.map(({ id }) => id)
  query.close()
  return ids
}

async function shared(bobs: Parameters<ReturnType<Stage['device']>['tab']>[0]): Promise<[Space, Space]> {
  const [ann, bob] = [await stage.device('ann').tab(), await stage.device('bob').tab(bobs)]
  for (const id of ['r1', 'r2']) await (await ann.create(Report, { title: id }, { id })).created.confirmed
  await expect.poll(() => idsOf(bob)).toEqual(['r1', 'r2'])
  await confirmed(bob)
  return [ann, bob]
}

const left = async (space: Space): Promise<string[]> =>
  (await space.documents.read(['report/r1', 'report/r2'])).documents.map(({ name }) => name)

test.each([
  ['the last', ['r2']],
  ['one behind another', ['r1', 'r2']],
])('[P7] what the relay took just before a purge goes with its acknowledgement, when it is %s', async (_, edited) => {
  const held = gate()
  let isHolding = false
  const beforeCommit = async (batch: { readonly acknowledged?: readonly unknown[] }): Promise<void> => {
    if (isHolding && (batch.acknowledged?.length ?? 0) > 0) await held.wait
  }
  const [ann, bob] = await shared({ faults: { beforeCommit } })
  isHolding = true
  for (const id of edited) {
    const [mine, theirs] = [await bob.open(Report, id), await ann.open(Report, id)]
    mine.set({ title: `${id} by bob` })
    await until({ get: () => theirs.value, subscribe: (listener) => theirs.subscribe(listener) }, ({ title }) => title === `${id} by bob`)
  }
  await turns(50)
  await stage.network.relay?.purge('acme', 'report/r2', 'operator')
  await turns(200)
  held.open()
  await until(bob.status, ({ pending, problem }) => pending.documents === 0 && problem?.code === 'relay/purged')
  await expect.poll(() => left(bob)).toEqual(['report/r1'])
  await expect(bob.open(Report, 'r2')).rejects.toMatchObject({ code: 'relay/purged' })
})

test('[P7] what was erased cannot be opened as if it were empty', async () => {
  const [ann, bob] = await shared({})
  await stage.network.relay?.purge('acme', 'report/r2', 'operator')
  for (const space of [ann, bob]) {
    await expect.poll(() => idsOf(space)).toEqual(['r1'])
    await expect(space.open(Report, 'r2')).rejects.toMatchObject({ code: 'relay/purged' })
    expect(idsOf(space)).toEqual(['r1'])
  }
})

test('[P7] what is erased while it is being opened does not open', async () => {
  const held = gate()
  const asked = gate()
  let isHolding = false
  const store: OpenStore = async (where) => {
    const inner = await memoryStore()(where)
    return changedStore(inner, {
      load: async (names) => {
        const found = await inner.load(names)
        if (isHolding && names.includes('report/r2')) {
          isHolding = false
          asked.open()
          await held.wait
        }
        return found
      },
    })
  }
  const [, bob] = await shared({ store })
  isHolding = true
  const opened = bob.open(Report, 'r2')
  await asked.wait
  await stage.network.relay?.purge('acme', 'report/r2', 'operator')
  await until(bob.status, ({ problem }) => problem?.code === 'relay/purged')
  held.open()
  await expect(opened).rejects.toMatchObject({ code: 'relay/purged' })
  await expect.poll(() => idsOf(bob)).toEqual(['r1'])
})
