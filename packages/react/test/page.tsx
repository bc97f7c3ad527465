/** What the tests of hooks share: a space in memory, a page to render in, and changes by somebody else. */
import { critical, defineEntity, latest, memoryStore, openSpace, type Space, text } from '@tidemark/client'
import { act, type ReactNode, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { onTestFinished } from 'vitest'
import * as Y from 'yjs'
import { z } from 'zod'
import { SpaceProvider } from '../src/index.ts'

// React asks tests to say that they wrap changes in `act`.
;(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true

export const Task = defineEntity('task', {
  version: 1,
  fields: {
    title: latest(z.string().max(20)),
    place: latest(z.string().default('yard')),
    severity: critical(z.enum(['low', 'medium', 'high'])),
    notes: text(),
  },
})

export async function newSpace(): Promise<Space> {
  const space = await openSpace({ name: 'acme', user: { id: 'ann' }, entities: [Task], store: memoryStore() })
  onTestFinished(() => space.close())
  return space
}

export interface Page {
  readonly element: HTMLElement
  readonly text: () => string
  render(next: ReactNode): Promise<void>
  /** Lets go of everything that was rendered. */
  clear(): Promise<void>
}

/** Renders in StrictMode, around it the space. */
export async function pageOf(space: Space, node: ReactNode): Promise<Page> {
  const element = document.createElement('div')
  document.body.append(element)
  const root = createRoot(element)
  onTestFinished(async () => {
    await act(async () => root.unmount())
    element.remove()
  })
  const render = (next: ReactNode): Promise<void> =>
    act(async () =>
      root.render(
        <StrictMode>
          <SpaceProvider space={space}>{next}</SpaceProvider>
        </StrictMode>,
      ),
    )
  await render(node)
  return { element, text: () => element.textContent ?? '', render, clear: () => render(null) }
}

/** Somebody else's changes of a task, as they come from the relay. */
export async function elsewhere(
  space: Space,
  id: string,
  user: string,
  change: (task: ReturnType<typeof Task.attach>) => void,
): Promise<Uint8Array> {
  const [stored] = (await space.documents.read([`task/${id}`])).documents
  const doc = new Y.Doc({ guid: `task/${id}` })
  if (stored !== undefined) Y.applyUpdate(doc, stored.state)
  const before = Y.encodeStateVector(doc)
  const task = Task.attach(doc, { user })
  change(task)
  task.close()
  return Y.encodeStateAsUpdate(doc, before)
}

export const arrive = (space: Space, id: string, update: Uint8Array): Promise<void> =>
  act(async () => {
    await space.documents.adopt([{ name: `task/${id}`, update }])
  })

/** Waits, inside `act`, until `test` holds. */
export async function until(test: () => boolean): Promise<void> {
  while (!test()) await act(async () => new Promise<void>((resolve) => setTimeout(resolve, 5)))
}

/** Presses a button or picks a radio by its text. */
export const press = (element: Element | null | undefined): Promise<void> =>
  act(async () => {
    if (!(element instanceof HTMLElement)) throw new Error('there is nothing to press')
    element.click()
  })
