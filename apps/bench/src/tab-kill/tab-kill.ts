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

/** Kills in which the same documents are written on; then others are, so that looking at them takes no longer and longer. */
const killsTogether = 10

/** A tab lives between these after its first edit was saved, ms; each time something else. */
const life = { leastMs: 20, mostMs: 400 } as const

export async function killTabs({ durability, kills, documents = 20, progress = () => {} }: KillOptions): Promise<KillResult> {
  const server = await servePage(new URL('page.ts', import.meta.url))
  const profile = mkdtempSync(join(tmpdir(), 'tidemark-kill-'))
  const context = await chromium.launchPersistentContext(profile, { executablePath: chromiumPath(), args: chromiumArguments })
  /** By generation. */
  const saved = new Map<number, Set<string>>()
  const total = (): number => [...saved.values()].reduce((sum, { size }) => sum + size, 0)
  const lost = new Set<string>()
  const open = async (): Promise<Page> => {
    const page = await context.newPage()
    await page.goto(`http://kill.localhost:${server.port}/`)
    return page
  }
  const look = async (page: Page, generations: readonly number[]): Promise<void> => {
    const call = ([mode, count, all]: [string, number, readonly number[]]) =>
      (globalThis as unknown as { tokens(...all: unknown[]): Promise<string[]> }).tokens(mode, count, all)
    const there = new Set(await page.evaluate(call, [durability, documents, generations] as [string, number, readonly number[]]))
    for (const generation of generations) for (const token of saved.get(generation) ?? []) if (!there.has(token)) lost.add(token)
  }
  try {
    for (let kill = 1; kill <= kills; kill++) {
      const page = await open()
      const generation = Math.ceil(kill / killsTogether)
      const own = saved.get(generation) ?? new Set<string>()
      saved.set(generation, own)
      await look(page, kill > 1 ? [...new Set([Math.ceil((kill - 1) / killsTogether), generation])] : [generation])
      const firstSaved = Promise.withResolvers<void>()
      await page.exposeFunction('saved', (tokens: readonly string[]) => {
        for (const token of tokens) own.add(token)
        firstSaved.resolve()
      })
      const crashed = new Promise<void>((resolve) => page.once('crash', () => resolve()))
      const call = (all: [string, number, number, number]) =>
        void (globalThis as unknown as { burst(...all: unknown[]): Promise<void> }).burst(...all)
      await page.evaluate(call, [durability, documents, generation, kill] as [string, number, number, number])
      await firstSaved.promise
      await new Promise((resolve) => setTimeout(resolve, life.leastMs + ((kill * 37) % (life.mostMs - life.leastMs))))
      const session = await context.newCDPSession(page)
      session.send('Page.crash').catch(() => undefined) // reason: nobody is left to answer
      await crashed
      await page.close()
      progress(kill, total())
    }
    await look(await open(), [...saved.keys()])
    return { kills, saved: total(), lost: [...lost] }
  } finally {
    await context.close()
    server.close()
    rmSync(profile, { recursive: true, force: true })
  }
}
