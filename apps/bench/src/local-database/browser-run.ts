/**
 * One Chromium with a profile of its own, in which the contenders are measured.
 *
 * Each contender has an origin of its own, so that what it takes on the disk can be told apart; each measurement begins
 * with a page that was just loaded.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium } from 'playwright'
import { chromiumArguments, chromiumPath, servePage } from '../page-server.ts'
import type { Measurement } from './page.ts'

export interface Setting {
  readonly contender: string
  /** Documents in the database. */
  readonly documents: number
}

export interface BrowserRun {
  measure(setting: Setting, measurement: Measurement, ...parameters: readonly unknown[]): Promise<unknown>
  /** Bytes of the heap in use after `measurement`, garbage collected, above what the page takes before it. */
  heap(setting: Setting, measurement: Measurement, ...parameters: readonly unknown[]): Promise<number>
  /** Bytes on the disk of everything that the setting's origin keeps; the browser is started anew for it. */
  diskBytes(setting: Setting): Promise<number>
  close(): Promise<void>
}

/** Builds the page and opens a browser with a profile of its own. */
export async function startBrowser(): Promise<BrowserRun> {
  const server = await servePage(new URL('page.ts', import.meta.url))
  const profile = mkdtempSync(join(tmpdir(), 'tidemark-bench-'))
  const launch = (): Promise<BrowserContext> =>
    chromium.launchPersistentContext(profile, { executablePath: chromiumPath(), args: chromiumArguments })
  let context = await launch()
  let isStarted = true
  const originOf = ({ contender, documents }: Setting): string => `${contender}-${documents}.localhost`
  const open = async (setting: Setting) => {
    const page = await context.newPage()
    await page.goto(`http://${originOf(setting)}:${server.port}/`)
    return page
  }
  const call = ([contender, measurement, parameters]: [string, string, readonly unknown[]]): unknown =>
    (globalThis as unknown as { measure: (...all: unknown[]) => unknown }).measure(contender, measurement, ...parameters)
  return {
    async measure(setting, measurement, ...parameters) {
      const page = await open(setting)
      const result = await page.evaluate(call, [setting.contender, measurement, parameters] as [string, string, readonly unknown[]])
      await page.close()
      return result
    },
    async heap(setting, measurement, ...parameters) {
      const page = await open(setting)
      const session = await context.newCDPSession(page)
      const used = async (): Promise<number> => {
        await session.send('HeapProfiler.collectGarbage')
        const { usedSize, backingStorageSize = 0 } = (await session.send('Runtime.getHeapUsage')) as {
          usedSize: number
          backingStorageSize?: number
        }
        return usedSize + backingStorageSize
      }
      const before = await used()
      await page.evaluate(call, [setting.contender, measurement, parameters] as [string, string, readonly unknown[]])
      const after = await used()
      await page.close()
      return after - before
    },
    async diskBytes(setting) {
      if (isStarted) {
        // What is only in the database's journal is written out at the next start.
        await context.close()
        context = await launch()
        isStarted = false
      }
      const page = await open(setting)
      await page.evaluate(call, [setting.contender, 'firstEdit', [setting.documents]] as [string, string, readonly unknown[]])
      await page.close()
      const folder = join(profile, 'Default/IndexedDB')
      const own = readdirSync(folder).filter((name) => name.startsWith(`http_${originOf(setting)}_`))
      return own.reduce(
        (sum, name) => sum + Number(execFileSync('du', ['-sb', join(folder, name)], { encoding: 'utf8' }).split('\t')[0]),
        0,
      )
    },
    async close() {
      await context.close()
      server.close()
      rmSync(profile, { recursive: true, force: true })
    },
  }
}
