/** What was refused, as people see it: a list with reasons, and an entity that goes on as another one. */
import { type Entity, memoryStore, openSpace, type Space } from '@tidemark/client'
import { createMemoryDatabase, type LocalStore } from '@tidemark/store'
import { expect, onTestFinished, test } from 'vitest'
import { RefusedList, useEntity, useValue } from '../src/index.ts'
import { newSpace, pageOf, press, Task, until } from './page.tsx'

/** A space with a task whose title the relay refused, as a leading tab leaves it behind. */
async function withRefused(): Promise<{ space: Space; id: string }> {
  const database = createMemoryDatabase()
  const place = { space: 'acme', user: 'ann' }
  const first = await openSpace({ name: 'acme', user: { id: 'ann' }, entities: [Task], store: memoryStore({ database }) })
  const task = await first.create(Task, { title: 'Roof', severity: 'low' })
  await task.created.saved
  await task.set({ title: 'Cellar' }).saved
  await first.close()
  const store: LocalStore = await memoryStore({ database })(place)
  const name = `task/${task.id}`
  const stored = (await store.load([name])).get(name)
  if (stored === undefined) throw new Error('nothing is stored')
  const last = stored.updates.toSorted((a, b) => a.n - b.n).slice(-1)
  await store.commit({ forks: [{ name, follows: stored.record.revision, refused: last, code: 'relay/forbidden' }] })
  await store.close()
  const relay = { url: 'ws://127.0.0.1:9' }
  const space = await openSpace({
    name: 'acme',
    user: { id: 'ann' },
    entities: [Task],
    store: memoryStore({ database }),
    relay,
    paused: true,
  })
  onTestFinished(() => space.close())
  return { space, id: task.id }
}

const button = (element: HTMLElement, text: string): Element | undefined =>
  [...element.querySelectorAll('button')].find((one) => one.textContent?.includes(text))

test('[P7] what was refused is listed with its reason, both values, and what can be done; discarding asks first', async () => {
  const { space } = await withRefused()
  const page = await pageOf(space, <RefusedList label={({ type }) => `a ${type}`} empty={<p>nothing</p>} />)
  await until(() => page.element.querySelector('table') !== null)
  for (const part of ['a task', 'You may not write here', 'title', 'Roof', 'Cellar']) expect(page.text()).toContain(part)
  expect(page.text()).not.toContain('severity')
  await press(button(page.element, 'Discard'))
  expect(space.refused.get()).toHaveLength(1)
  await press(button(page.element, 'Discard for good'))
  await until(() => page.text() === 'nothing')
})

test('[P7] trying again makes it part of its document again, which shows it at once', async () => {
  const { space, id } = await withRefused()
  const Title = ({ task }: { readonly task: Entity<(typeof Task)['fields']> }) => <b>{useValue(task).title}</b>
  const View = () => {
    const { entity } = useEntity(Task, id)
    return entity === null ? null : <Title task={entity} />
  }
  const page = await pageOf(
    space,
    <>
      <View />
      <RefusedList />
    </>,
  )
  await until(() => page.element.querySelector('b')?.textContent === 'Roof' && page.element.querySelector('table') !== null)
  await press(button(page.element, 'Try again'))
  await until(() => page.element.querySelector('b')?.textContent === 'Cellar' && page.element.querySelector('.tidemark-refused') === null)
})

test('where nothing was refused nothing is shown', async () => {
  const page = await pageOf(await newSpace(), <RefusedList empty="all is well" />)
  expect(page.text()).toBe('all is well')
})
