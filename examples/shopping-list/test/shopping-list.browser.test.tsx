import { memoryStore, openSpace } from '@tidemark/client'
import { createRoot } from 'react-dom/client'
import { expect, onTestFinished, test } from 'vitest'
import { page } from 'vitest/browser'
import { Item, ShoppingList } from '../src/shopping-list.tsx'

test('what is missing is added, bought, and put to the end', async () => {
  const space = await openSpace({ name: 'home', user: { id: 'ann' }, entities: [Item], store: memoryStore() })
  const element = document.body.appendChild(document.createElement('main'))
  const root = createRoot(element)
  onTestFinished(async () => {
    root.unmount()
    element.remove()
    await space.close()
  })
  root.render(<ShoppingList space={space} />)
  await expect.element(page.getByText('Nothing is missing.')).toBeVisible()
  for (const name of ['Bread', 'Milk']) {
    await page.getByLabelText('What is missing').fill(name)
    await page.getByRole('button', { name: 'Add' }).click()
    await expect.element(page.getByLabelText(name, { exact: true })).toBeVisible()
  }
  const names = (): (string | undefined)[] => [...element.querySelectorAll('li label')].map((item) => item.textContent?.trim())
  const first = names()[0] as string
  await page.getByLabelText(first, { exact: true }).click()
  await expect.poll(() => names().at(-1)).toBe(first)
  expect(element.querySelectorAll('input:checked')).toHaveLength(1)
})
