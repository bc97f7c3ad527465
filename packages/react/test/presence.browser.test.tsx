import type { Entity } from '@tidemark/client'
import { act } from 'react'
import { renderToString } from 'react-dom/server'
import { expect, test } from 'vitest'
import { SpaceProvider, usePresence } from '../src/index.ts'
import { newSpace, pageOf, Task, until } from './page.tsx'

type TaskEntity = Entity<(typeof Task)['fields']>

test('others in the document are listed as they come, change and go, and one’s own state renders nothing', async () => {
  // Two spaces of one name in one page are as two tabs of one browser.
  const [space, other] = [await newSpace(), await newSpace()]
  const task = await space.create(Task, { title: 'Roof', severity: 'low' }, { id: 'roof' })
  let renders = 0
  let show: (part: string, value: unknown) => void = () => {}
  const Here = ({ task }: { readonly task: TaskEntity }) => {
    const [others, showed] = usePresence(task)
    show = showed
    renders++
    return <p>{others.map(({ state }) => state.name ?? '?').join()}</p>
  }
  const page = await pageOf(space, <Here task={task} />)
  expect(page.text()).toBe('')
  const theirs = await other.create(Task, { title: 'Roof', severity: 'low' }, { id: 'roof' })
  const { awareness } = theirs
  awareness.setLocalStateField('name', 'Bob')
  await until(() => page.text() === 'Bob')
  const before = renders
  await act(async () => show('name', 'Ann'))
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (![...awareness.getStates().values()].some(({ name }) => name === 'Ann')) return
      awareness.off('change', look)
      resolve()
    }
    awareness.on('change', look)
    look()
  })
  expect(renders).toBe(before)
  awareness.setLocalStateField('name', 'Robert')
  await until(() => page.text() === 'Robert')
  theirs.close()
  await until(() => page.text() === '')
})

test('on the server nobody is there, and rendering there shows nobody', async () => {
  const space = await newSpace()
  const task = await space.create(Task, { title: 'Roof', severity: 'low' })
  const Here = () => <p>{usePresence(task)[0].length}</p>
  const html = renderToString(
    <SpaceProvider space={space}>
      <Here />
    </SpaceProvider>,
  )
  expect(html).toBe('<p>0</p>')
})
