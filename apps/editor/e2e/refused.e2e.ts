/** What the relay refuses, as a person meets it: the report goes on without it, and nothing is lost. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { World } from './fieldbook.ts'

let world: World

beforeEach(async () => {
  world = new World()
  await world.startRelayThatRefuses('FORBIDDEN')
})

afterEach(() => world.close())

test('[P7] a refused change leaves the report, stands in the status panel with its reason, and is tried again or discarded', async () => {
  const [ann, bob] = [world.person(), world.person()]
  const here = await ann.open()
  await here.newReport('Roof')
  await here.type('Fine. ')
  await here.says('All confirmed')
  await here.page.keyboard.insertText('FORBIDDEN words. ')
  await here.says('Needs attention')
  await expect.poll(() => here.body(), { timeout: 20_000 }).not.toContain('FORBIDDEN')
  await here.type('More. ')
  await here.shows('Fine. More.')

  await here.page.getByTestId('status').click()
  const panel = here.page.getByTestId('status-panel')
  await panel.getByText('FORBIDDEN').waitFor()
  await panel.getByText('does not allow this change').first().waitFor()
  if (process.env.SCREENSHOTS !== undefined) await here.page.screenshot({ path: `${process.env.SCREENSHOTS}/refused.png` })
  await panel.getByRole('button', { name: 'Try again' }).click()
  await panel.getByText('FORBIDDEN').waitFor()
  await panel.getByRole('button', { name: 'Discard' }).click()
  await panel.getByRole('button', { name: /for good/ }).click()
  await here.page.keyboard.press('Escape')
  await here.says('All confirmed')

  const there = await bob.open()
  await there.openReport('Roof')
  await there.shows('Fine. More.')
})
