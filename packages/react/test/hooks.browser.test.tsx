import type { Entity } from '@tidemark/client'
import { act } from 'react'
import { renderToString } from 'react-dom/server'
import { expect, test } from 'vitest'
import { SpaceProvider, useConflicts, useEdit, useEntity, useField, useQuery, useSyncStatus, useValue } from '../src/index.ts'
import { arrive, elsewhere, newSpace, pageOf, Task, until } from './page.tsx'

type TaskEntity = Entity<(typeof Task)['fields']>

test('an entity is opened while it is shown, and let go of once, also in StrictMode', async () => {
  const space = await newSpace()
  const made = await space.create(Task, { title: 'Roof', severity: 'low' })
  await made.created.saved
  const { doc } = made
  const View = () => {
    const { state, entity } = useEntity(Task, made.id)
    return entity === null ? <p>{state}</p> : <Title task={entity} />
  }
  const page = await pageOf(space, <View />)
  await until(() => page.text() === 'Roof')
  made.close()
  expect(doc.isDestroyed).toBe(false)
  await page.clear()
  await until(() => doc.isDestroyed)
})

function Title({ task }: { readonly task: TaskEntity }) {
  const [title] = useField(task, 'title')
  return <p>{title}</p>
}

test('an entity that is not here yet opens by itself when it arrives', async () => {
  const space = await newSpace()
  const View = () => {
    const { state, entity } = useEntity(Task, 'later')
    return entity === null ? <p>{state}</p> : <Title task={entity} />
  }
  const page = await pageOf(space, <View />)
  await until(() => page.text() === 'missing')
  await arrive(
    space,
    'later',
    await elsewhere(space, 'later', 'bob', (task) => Task.initialise(task.doc, { title: 'Wall', severity: 'low' }, { user: 'bob' })),
  )
  await until(() => page.text() === 'Wall')
})

test('a component renders again when its own part changes, and for nothing else', async () => {
  const space = await newSpace()
  const task = await space.create(Task, { title: 'Roof', severity: 'low' })
  const renders = { title: 0, place: 0, conflicts: 0, phase: 0 }
  const TitleField = () => {
    const [title, setTitle] = useField(task, 'title')
    renders.title++
    return <input aria-label="title" value={title} onChange={(event) => setTitle(event.target.value)} />
  }
  const Place = () => {
    const [place] = useField(task, 'place')
    renders.place++
    return <p>{place}</p>
  }
  const Conflicts = () => {
    renders.conflicts++
    return <p>{useConflicts(task).length}</p>
  }
  const Phase = () => {
    renders.phase++
    return <p>{useSyncStatus((status) => status.phase)}</p>
  }
  await pageOf(
    space,
    <>
      <TitleField />
      <Place />
      <Conflicts />
      <Phase />
    </>,
  )
  const before = { ...renders }
  await act(async () => void task.set({ title: 'Roof, north' }))
  await act(async () => task.shared.notes.insert(0, 'much text'))
  // StrictMode renders twice.
  expect(renders).toEqual({ ...before, title: before.title + 2 })
})

test('a query follows rows and its dependencies, and is closed with its component', async () => {
  const space = await newSpace()
  for (const title of ['Roof', 'Wall', 'Roof rail']) await space.create(Task, { title, severity: 'low' })
  const List = ({ search }: { readonly search: string }) => {
    const { rows, isLoaded } = useQuery(
      Task,
      { where: (row) => row.value.title.startsWith(search), orderBy: (a, b) => a.value.title.localeCompare(b.value.title) },
      [search],
    )
    return <p>{isLoaded ? rows.map(({ value }) => value.title).join(', ') : '…'}</p>
  }
  const page = await pageOf(space, <List search="Roof" />)
  await until(() => page.text() === 'Roof, Roof rail')
  await page.render(<List search="W" />)
  await until(() => page.text() === 'Wall')
  await act(async () => void (await space.create(Task, { title: 'Window', severity: 'low' })))
  await until(() => page.text() === 'Wall, Window')
})

test('an edit says what was shown: what came meanwhile is a conflict, and the form knows', async () => {
  const space = await newSpace()
  const task = await space.create(Task, { title: 'Roof', severity: 'low' })
  await task.created.saved
  let form: ReturnType<typeof useEdit<(typeof Task)['fields']>> | null = null
  const Form = () => {
    form = useEdit(task)
    return <p>{form.isBehind ? 'behind' : 'current'}</p>
  }
  const page = await pageOf(space, <Form />)
  const shown = () => form as NonNullable<typeof form>
  await act(async () => void shown().set({ title: 'Roof, north' }))
  expect(page.text()).toBe('current')
  expect(shown().value.title).toBe('Roof, north')
  await task.write(() => {}).saved
  const theirs = await elsewhere(space, task.id, 'bob', (other) => other.edit().set({ severity: 'high' }))
  await arrive(space, task.id, theirs)
  expect(page.text()).toBe('behind')
  await act(async () => void shown().set({ severity: 'medium' }))
  expect(
    task
      .conflict('severity')
      ?.candidates.map(({ value }) => value)
      .toSorted(),
  ).toEqual(['high', 'medium'])
  await act(async () => shown().renew())
  expect(page.text()).toBe('current')
})

test('on a server everything renders, as a space of which nothing is read yet', async () => {
  const space = await newSpace()
  const View = () => {
    const { state } = useEntity(Task, 'a')
    const { rows, isLoaded } = useQuery(Task)
    return (
      <p>
        {state} {rows.length} {String(isLoaded)} {useSyncStatus().phase}
      </p>
    )
  }
  const html = renderToString(
    <SpaceProvider space={space}>
      <View />
    </SpaceProvider>,
  )
  expect(html.replaceAll('<!-- -->', '')).toBe('<p>opening 0 false local</p>')
})

test('two components never show different moments of one entity', async () => {
  const space = await newSpace()
  const task = await space.create(Task, { title: '0', severity: 'low' })
  const torn: string[] = []
  const Reader = ({ name }: { readonly name: string }) => {
    const { title, place } = useValue(task)
    if (title !== place && place !== 'yard') torn.push(`${name}: ${title} ${place}`)
    return <p>{title}</p>
  }
  await pageOf(
    space,
    <>
      <Reader name="a" />
      <Reader name="b" />
    </>,
  )
  for (let i = 1; i < 20; i++) await act(async () => void task.set({ title: String(i), place: String(i) }))
  expect(torn).toEqual([])
})
