import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Tab, World } from './fieldbook.ts'

let world: World

beforeEach(async () => {
  world = new World()
  await world.startRelay()
})

afterEach(() => world.close())

/** Chooses a value of a critical field, as somebody who has looked at it. */
async function choose(tab: Tab, field: 'severity' | 'verdict', name: string): Promise<void> {
  await tab.page.getByTestId(field).getByText(name, { exact: true }).click()
}

/** Waits until the field shows this value as the settled one. */
async function holds(tab: Tab, field: 'severity' | 'verdict', value: string): Promise<void> {
  await tab.page.locator(`[data-testid="${field}"][data-value="${value}"]`).waitFor()
}

const banner = (tab: Tab) => tab.page.getByTestId('conflict-banner')

/** Picks the candidate and decides for it, with a reason. */
async function decide(tab: Tab, value: string, reason: string): Promise<void> {
  await tab.page.locator(`[data-testid="candidate"][data-value="${value}"]`).click()
  await banner(tab).getByTestId('reason').fill(reason)
  await banner(tab).getByTestId('decide').click()
}

/** Ann and Bob with one report, each on a device of their own. */
async function two(title: string): Promise<readonly [Tab, Tab]> {
  const here = await world.person().open()
  await here.newReport(title)
  await here.type('A crack above the door.')
  const there = await world.person().open()
  await there.openReport(title)
  await there.shows('A crack')
  return [here, there]
}

async function apart(tabs: readonly Tab[], work: () => Promise<void>): Promise<void> {
  for (const tab of tabs) await tab.workOffline(true)
  for (const tab of tabs) await tab.says('Working offline')
  await work()
  for (const tab of tabs) await tab.workOffline(false)
}

describe('a critical field', () => {
  test('[P4] set apart is a conflict on both sides, decided by one with a reason, and on record for both', async () => {
    const [here, there] = await two('Wall')
    await choose(here, 'severity', 'Minor')
    await holds(there, 'severity', 'minor')
    // Long enough on the screen to have been seen.
    await there.page.waitForTimeout(1_100)
    await apart([here, there], async () => {
      await choose(here, 'severity', 'Major')
      await choose(there, 'severity', 'Danger')
      await holds(here, 'severity', 'major')
      await holds(there, 'severity', 'danger')
    })

    for (const tab of [here, there]) {
      await banner(tab).getByText('differently while apart').waitFor()
      await banner(tab).getByText('It was “Minor” before').waitFor()
      await expect.poll(() => tab.page.getByTestId('candidate').count()).toBe(2)
      await tab.page.getByTestId('row-conflict').getByText('To decide').waitFor()
      expect(await tab.page.getByTestId('announcement').textContent()).toContain('set the severity differently')
    }
    expect(await banner(here).getByTestId('candidate').filter({ hasText: 'Major' }).textContent()).toContain('Set by you')
    expect(await banner(there).getByTestId('candidate').filter({ hasText: 'Major' }).textContent()).not.toContain('Set by you')

    await decide(there, 'danger', 'The lintel moved while I watched.')
    for (const tab of [here, there]) {
      await holds(tab, 'severity', 'danger')
      await banner(tab).waitFor({ state: 'detached' })
      await tab.page.getByTestId('row-conflict').waitFor({ state: 'detached' })
      await tab.page.getByTestId('decisions').locator('summary').click()
      const made = tab.page.getByTestId('decision')
      await made.getByText('The lintel moved while I watched.').waitFor()
      expect(await made.textContent()).toContain('Instead of Major')
    }
    expect(await there.page.getByTestId('decision').textContent()).toContain('You')
    await here.says('All confirmed')
  })

  test('[P4] decided by two at once stays open, until one more decision; which can be changed later', async () => {
    const [here, there] = await two('Stairs')
    await apart([here, there], async () => {
      await choose(here, 'verdict', 'Repair')
      await choose(there, 'verdict', 'Failed')
    })
    for (const tab of [here, there]) await banner(tab).waitFor()

    await apart([here, there], async () => {
      await decide(here, 'repair', 'Two planks will do.')
      await decide(there, 'failed', 'The beam is rotten.')
      await holds(here, 'verdict', 'repair')
      await holds(there, 'verdict', 'failed')
    })
    for (const tab of [here, there]) {
      await banner(tab).getByText('decided the verdict at the same time, differently').waitFor()
      await banner(tab).getByText('Two planks will do.').waitFor()
      await banner(tab).getByText('The beam is rotten.').waitFor()
    }

    await decide(here, 'failed', 'I have seen the beam now.')
    for (const tab of [here, there]) {
      await holds(tab, 'verdict', 'failed')
      await banner(tab).waitFor({ state: 'detached' })
      await tab.page.getByTestId('decisions').getByText('3 decisions').click()
      await expect.poll(() => tab.page.getByTestId('decision').count()).toBe(3)
    }

    await there.page.getByTestId('revise').click()
    await there.page.getByTestId('revise-form').getByText('Passed').click()
    await there.page.getByTestId('revise-form').getByTestId('reason').fill('Repaired on Monday.')
    await there.page.getByTestId('revise-form').getByTestId('decide').click()
    for (const tab of [here, there]) {
      await holds(tab, 'verdict', 'passed')
      await tab.page.getByTestId('decision').first().getByText('Repaired on Monday.').waitFor()
    }
  })

  test('[P4] a value that comes in late puts a pick off, and stands beside a decision that did not know it', async () => {
    const [here, there] = await two('Bridge')
    const late = await world.person().open()
    await late.openReport('Bridge')
    await late.shows('A crack')
    await late.workOffline(true)
    await late.says('Working offline')
    await choose(late, 'severity', 'Danger')
    await choose(late, 'verdict', 'Failed')
    await apart([here, there], async () => {
      await choose(here, 'severity', 'Minor')
      await choose(there, 'severity', 'Major')
      await choose(here, 'verdict', 'Passed')
      await choose(there, 'verdict', 'Repair')
    })
    const verdict = here.page.locator('[data-testid="conflict-banner"][data-field="verdict"]')
    await verdict.locator('[data-value="repair"]').click()
    await verdict.getByTestId('decide').click()
    await holds(here, 'verdict', 'repair')

    const severity = here.page.locator('[data-testid="conflict-banner"][data-field="severity"]')
    await severity.locator('[data-value="minor"]').click()
    await severity.getByTestId('reason').fill('Only the rail.')
    await late.workOffline(false)
    await severity.getByText('Something more came in while you were choosing').waitFor()
    await expect.poll(() => severity.getByTestId('candidate').count()).toBe(3)
    expect(await severity.getByTestId('reason').inputValue()).toBe('Only the rail.')
    await severity.getByTestId('decide').click({ force: true })
    expect(await severity.count()).toBe(1)
    await verdict.getByText('set the verdict without knowing of the decision').waitFor()
    await here.page.getByTestId('row-conflict').getByText('2 to decide').waitFor()

    await severity.locator('[data-value="danger"]').click()
    await severity.getByTestId('decide').click()
    await verdict.locator('[data-value="failed"]').click()
    await verdict.getByTestId('decide').click()
    for (const tab of [here, there, late]) {
      await holds(tab, 'severity', 'danger')
      await holds(tab, 'verdict', 'failed')
    }
  })

  test('watched as it changes is no conflict, and the keyboard alone sets and decides it', async () => {
    const [here, there] = await two('Roof')
    await choose(here, 'severity', 'Minor')
    await holds(there, 'severity', 'minor')
    await there.page.waitForTimeout(1_100)
    await there.page.getByTestId('severity').getByRole('radio', { name: 'Minor' }).focus()
    await there.page.keyboard.press('ArrowRight')
    await there.page.keyboard.press('ArrowRight')
    await holds(there, 'severity', 'minor')
    await there.page.keyboard.press('Space')
    await holds(here, 'severity', 'danger')
    expect(await banner(here).count()).toBe(0)

    await here.page.waitForTimeout(1_100)
    await apart([here, there], async () => {
      await choose(here, 'severity', 'Major')
      await choose(there, 'severity', 'None')
    })
    await banner(there).waitFor()
    await there.page.getByTestId('severity').getByRole('button').press('Enter')
    await there.page.keyboard.press('Space')
    await there.page.keyboard.press('Tab')
    await there.page.keyboard.type('From the ladder.')
    await there.page.keyboard.press('Tab')
    await there.page.keyboard.press('Enter')
    await banner(here).waitFor({ state: 'detached' })
    // The hand goes on at the field that was decided.
    await expect
      .poll(() => there.page.evaluate(() => document.activeElement?.closest('[data-testid]')?.getAttribute('data-testid')))
      .toBe('severity')
  })
})
