/**
 * Kills a tab in the middle of a burst of edits, again and again, and looks whether everything that had said `saved`
 * is there, and whether the database opens.
 *
 * The renderer process ends at once, as by a crash; the browser lives, as it does when a tab crashes or is discarded.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright'
import { chromiumArguments, chromiumPath, servePage } from '../page-server.ts'

export interface KillResult {
  readonly kills: number
  /** Tokens that were said to be saved before their tab was killed. */
  readonly saved: number
  /** Those of them that were not there afterwards. */
  readonly lost: readonly string[]
}

export interface KillOptions {
  readonly durability: 'relaxed' | 'strict'
  readonly kills: number
  readonly documents?: number
  readonly progress?: (kill: number, saved: number) => void
}

/** A tab lives between these after its first edit was saved, ms; each time something else. */
const life = { leastMs: 20, mostMs: 400 } as const

export async function killTabs({ durability, kills, documents = 20, progress = () => {} }: KillOptions): Promise<KillResult> {
  const server = await servePage(new URL('page.ts', import.meta.url))
  const profile = mkdtempSync(join(tmpdir(), 'tidemark-kill-'))
  const context = await chromium.launchPersistentContext(profile, { executablePath: chromiumPath(), args: chromiumArguments })
  const saved = new Set<string>()
  const lost = new Set<string>()
  const open = async (): Promise<Page> => {
    const page = await context.newPage()
    await page.goto(`http://kill.localhost:${server.port}/`)
    return page
  }
  const look = async (page: Page): Promise<void> => {
    const call = ([mode, count]: [string, number]) =>
      (globalThis as unknown as { tokens(...all: unknown[]): Promise<string[]> }).tokens(mode, count)
    const there = new Set(await page.evaluate(call, [durability, documents] as [string, number]))
    for (const token of saved) if (!there.has(token)) lost.add(token)
  }
  try {
    for (let kill = 1; kill <= kills; kill++) {
      const page = await open()
      await look(page)
      const firstSaved = Promise.withResolvers<void>()
      await page.exposeFunction('saved', (tokens: readonly string[]) => {
        for (const token of tokens) saved.add(token)
        firstSaved.resolve()
      })
      const crashed = new Promise<void>((resolve) => page.once('crash', () => resolve()))
      const call = ([mode, count, round]: [string, number, number]) =>
        void (globalThis as unknown as { burst(...all: unknown[]): Promise<void> }).burst(mode, count, round)
      await page.evaluate(call, [durability, documents, kill] as [string, number, number])
      await firstSaved.promise
      await new Promise((resolve) => setTimeout(resolve, life.leastMs + ((kill * 37) % (life.mostMs - life.leastMs))))
      const session = await context.newCDPSession(page)
      session.send('Page.crash').catch(() => undefined) // reason: nobody is left to answer
      await crashed
      await page.close()
      progress(kill, saved.size)
    }
    await look(await open())
    return { kills, saved: saved.size, lost: [...lost] }
  } finally {
    await context.close()
    server.close()
    rmSync(profile, { recursive: true, force: true })
  }
}
