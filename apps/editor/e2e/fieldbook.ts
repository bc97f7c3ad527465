/**
 * Drives Fieldbook as people do: a relay process, and real Chromium profiles that open its page.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type RelayProcess, startRelayProcess } from '@tidemark/app-relay/process'
import { type BrowserContext, chromium, type Page } from 'playwright'

const app = fileURLToPath(new URL('../dist', import.meta.url))
const browserArgs = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** One person's browser, with a profile folder of its own. */
export class Person {
  readonly #folder: string
  readonly #address: string
  #context: BrowserContext | null = null

  constructor(address: string, folder: string) {
    this.#address = address
    this.#folder = folder
  }

  get context(): BrowserContext {
    if (this.#context === null) throw new Error('the browser is not open')
    return this.#context
  }

  /** Starts the browser and opens the app in its first tab. */
  async open(): Promise<Tab> {
    this.#context = await chromium.launchPersistentContext(this.#folder, {
      executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
      args: browserArgs,
      viewport: { width: 1280, height: 800 },
    })
    this.#context.setDefaultTimeout(30_000)
    return this.tab(this.#context.pages()[0])
  }

  /** Another tab of the same browser. */
  async tab(existing?: Page, path = ''): Promise<Tab> {
    const page = existing ?? (await this.context.newPage())
    await page.goto(`${this.#address}/${path}`)
    await page.getByTestId('new-report').waitFor()
    return new Tab(page)
  }

  async close(): Promise<void> {
    await this.#context?.close()
    this.#context = null
  }
}

/** One tab that shows Fieldbook. */
export class Tab {
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  async newReport(title: string): Promise<void> {
    await this.page.getByTestId('new-report').click()
    await this.page.getByTestId('title').fill(title)
  }

  async openReport(title: string): Promise<void> {
    await this.page.getByTestId('report-row').filter({ hasText: title }).click()
    await this.page.getByTestId('body').waitFor()
  }

  /** Types at the end of the text, key by key. */
  async type(text: string): Promise<void> {
    await this.page.getByTestId('body').click()
    await this.page.keyboard.press('Control+End')
    await this.page.keyboard.type(text)
  }

  body(): Promise<string> {
    return this.page
      .getByTestId('body')
      .textContent()
      .then((text) => text ?? '')
  }

  /** Waits until the text holds all of `parts`. */
  async shows(...parts: readonly string[]): Promise<void> {
    for (const part of parts) await this.page.getByTestId('body').filter({ hasText: part }).waitFor()
  }

  /** Waits until the list has a row with this title. */
  async lists(title: string): Promise<void> {
    await this.page.getByTestId('report-row').filter({ hasText: title }).waitFor()
  }

  /** Waits until the status pill says `words`. */
  async says(words: string | RegExp): Promise<void> {
    await this.page.getByTestId('status').filter({ hasText: words }).waitFor()
  }

  async workOffline(isOffline: boolean): Promise<void> {
    await this.page.getByTestId('status').click()
    const switched = this.page.getByTestId('offline-switch')
    if ((await switched.getAttribute('aria-checked')) !== String(isOffline)) await switched.click()
    await this.page.keyboard.press('Escape')
  }
}

/** A relay that serves the built app, and the people who use it. */
export class World {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tidemark-e2e-'))
  readonly #people: Person[] = []
  #relay: RelayProcess | null = null
  #port = 0

  /** The relay's address, for clients without a page. */
  get url(): string {
    if (this.#relay === null) throw new Error('the relay is not running')
    return this.#relay.url
  }

  /** Starts the relay; again, on the same port and data, after `killRelay`. */
  async startRelay(...words: readonly string[]): Promise<void> {
    this.#relay = await startRelayProcess(join(this.#folder, 'data'), this.#port, ['--serve', app, ...words])
    this.#port = Number(new URL(this.#relay.url).port)
  }

  /** A relay whose app refuses whatever holds `word`. */
  async startRelayThatRefuses(word: string): Promise<void> {
    const file = join(this.#folder, 'hooks.mjs')
    const refuses = `Buffer.from(update).includes(${JSON.stringify(word)})`
    writeFileSync(file, `export default { beforeCommit: ({ update }) => (${refuses} ? { refuse: 'not that word' } : undefined) }\n`)
    await this.startRelay('--hooks', file)
  }

  async killRelay(): Promise<void> {
    await this.#relay?.stop('SIGKILL')
  }

  person(): Person {
    const person = new Person(`http://localhost:${this.#port}`, join(this.#folder, `profile-${this.#people.length}`))
    this.#people.push(person)
    return person
  }

  async close(): Promise<void> {
    for (const person of this.#people) await person.close()
    await this.#relay?.stop('SIGTERM')
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
