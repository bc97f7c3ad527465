import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type RelayProcess, startRelayProcess } from '@tidemark/app-relay/process'
import { type Browser, chromium, type Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'tidemark-example-'))
let relay: RelayProcess
let browser: Browser

beforeAll(async () => {
  relay = await startRelayProcess(folder, 0, ['--serve', fileURLToPath(new URL('../dist', import.meta.url))])
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  })
})

afterAll(async () => {
  await browser.close()
  await relay.stop('SIGTERM')
  rmSync(folder, { recursive: true, force: true })
})

/** A person in a browser profile of their own, with the example's page open. */
async function person(user: string): Promise<Page> {
  const page = await (await browser.newContext()).newPage()
  const address = `${relay.url.replace('ws:', 'http:')}/?user=${user}&relay=${encodeURIComponent(`${relay.url}/stock`)}`
  await page.goto(address)
  await page.getByTestId('severity').filter({ hasText: /./ }).waitFor()
  return page
}

const choose = (page: Page, severity: string): Promise<void> => page.getByTestId('choices').getByRole('button', { name: severity }).click()
const shows = (page: Page, severity: string): Promise<void> => page.getByTestId('severity').filter({ hasText: severity }).waitFor()

test('[P4] [P9] on stock y-websocket and y-indexeddb two people differ offline, a third decides, all see it', async () => {
  const [ann, bob, cy] = [await person('ann'), await person('bob'), await person('cy')]
  await choose(ann, 'low')
  for (const page of [bob, cy]) await shows(page, 'low')
  for (const page of [ann, bob]) await page.getByTestId('offline').check()
  await choose(ann, 'medium')
  await choose(bob, 'high')
  await ann.reload()
  await shows(ann, 'medium')
  await bob.getByTestId('offline').uncheck()

  for (const page of [ann, bob, cy]) {
    await page.getByTestId('conflict').getByRole('button', { name: 'medium (ann)' }).waitFor()
    expect(await page.getByTestId('conflict').textContent()).toContain('It was low.')
  }
  await cy.getByTestId('conflict').getByRole('button', { name: 'high (bob)' }).click()
  for (const page of [ann, bob, cy]) {
    await shows(page, 'high')
    await page.getByTestId('decisions').getByText('cy decided high, not medium').waitFor()
  }
})
