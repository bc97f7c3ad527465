import { act } from 'react'
import { expect, test } from 'vitest'
import { ConflictChooser, PendingList, SyncStatus, useConflicts } from '../src/index.ts'
import { arrive, elsewhere, newSpace, pageOf, press, Task, until } from './page.tsx'

const severities: Readonly<Record<string, string>> = { low: 'Low', medium: 'Medium', high: 'High' }

async function conflicting() {
  const space = await newSpace()
  const task = await space.create(Task, { title: 'Roof', severity: 'low' })
  await task.created.saved
  const theirs = await elsewhere(space, task.id, 'bob', (other) => other.edit().set({ severity: 'high' }))
  const third = await elsewhere(space, task.id, 'eve', (other) => other.edit().set({ severity: 'low' }))
  await task.write(() => task.edit().set({ severity: 'medium' })).saved
  await arrive(space, task.id, theirs)
  const View = () => {
    const conflicts = useConflicts(task)
    if (conflicts.length === 0) return <p>settled</p>
    return conflicts.map((conflict) => (
      <ConflictChooser key={conflict.field} entity={task} conflict={conflict} value={(value) => severities[String(value)]} />
    ))
  }
  const page = await pageOf(space, <View />)
  const pick = (name: string) =>
    press([...page.element.querySelectorAll('label')].find((label) => label.textContent?.includes(name))?.querySelector('input'))
  return { space, task, third, page, pick, decide: () => press(page.element.querySelector('button')) }
}

test('a conflict is shown with every value and author, and decided with a reason', async () => {
  const { task, page, pick, decide } = await conflicting()
  for (const part of ['Medium', 'High', 'ann', 'bob', 'Low']) expect(page.text()).toContain(part)
  expect(page.element.querySelector('button')?.disabled).toBe(true)
  await pick('High')
  await act(async () => {
    const input = page.element.querySelector('.tidemark-conflict-reason input') as HTMLInputElement
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')?.set?.call(input, 'seen by two')
    input.dispatchEvent(new Event('input', { bubbles: true }))
  })
  await decide()
  expect(page.text()).toBe('settled')
  expect(task.decisions).toMatchObject([{ value: 'high', reason: 'seen by two', user: 'ann' }])
})

test('a pick is off when a further value comes in, so that nobody decides over what they did not see', async () => {
  const { space, task, third, page, pick } = await conflicting()
  await pick('High')
  await arrive(space, task.id, third)
  expect(page.text()).toContain('Please look again')
  expect(page.element.querySelector('button')?.disabled).toBe(true)
  await pick('High')
  expect(page.text()).not.toContain('Please look again')
  await press(page.element.querySelector('button'))
  expect(page.text()).toBe('settled')
})

test('a decision that is refused says why and what to do, and changes nothing', async () => {
  const { task, page, pick, decide } = await conflicting()
  await pick('High')
  await act(async () => void task.delete())
  await decide()
  expect(page.element.querySelector('[role=alert]')?.textContent).toContain('deleted')
  expect(task.decisions).toEqual([])
})

test('the status says where the work is', async () => {
  const space = await newSpace()
  const page = await pageOf(space, <SyncStatus />)
  expect(page.element.querySelector('summary')?.textContent).toBe('Kept in this tab only')
  expect(page.element.querySelector('details')?.dataset.phase).toBe('local')
})

test('what waits is listed by what a person calls it', async () => {
  const space = await newSpace()
  const page = await pageOf(space, <PendingList label={({ type }) => `a ${type}`} empty={<p>nothing</p>} />)
  await until(() => page.text() === 'nothing')
  await act(async () => void (await space.create(Task, { title: 'Roof', severity: 'low' })))
  await until(() => page.text().startsWith('a task'))
})
