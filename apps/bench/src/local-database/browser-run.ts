/**
 * `npm run bench:database`: the local database beside y-indexeddb 9 and beside the bound, in one run of one Chromium.
 *
 * Each contender has an origin of its own, so that what it takes on the disk can be told apart; each measurement begins
 * with a page that was just loaded. Every figure is the median of `--rounds` rounds, the contenders taking turns.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BrowserContext, chromium } from 'playwright'
import { build } from 'vite'
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

const arguments_ = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-sync',
]

/** Builds the page and opens a browser with a profile of its own. */
export async function startBrowser(): Promise<BrowserRun> {
  const script = await bundle()
  const server = await serve(script)
  const profile = mkdtempSync(join(tmpdir(), 'tidemark-bench-'))
  const launch = (): Promise<BrowserContext> =>
    chromium.launchPersistentContext(profile, { executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium', args: arguments_ })
  let context = await launch()
  let isStarted = true
  const originOf = ({ contender, documents }: Setting): string => `${contender}-${documents}.localhost`
  const open = async (setting: Setting) => {
    const page = await context.newPage()
    await page.goto(`http://${originOf(setting)}:${(server.address() as AddressInfo).port}/`)
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

async function bundle(): Promise<string> {
  const outputs = await build({
    configFile: false,
    logLevel: 'warn',
    root: fileURLToPath(new URL('.', import.meta.url)),
    build: {
      write: false,
      target: 'es2024',
      lib: { entry: fileURLToPath(new URL('page.ts', import.meta.url)), formats: ['es'], fileName: 'page' },
      rolldownOptions: { output: { codeSplitting: false } },
    },
  })
  const [first] = Array.isArray(outputs) ? outputs : [outputs]
  const chunk = (first as { output: readonly { type: string; code?: string }[] }).output.find(({ type }) => type === 'chunk')
  return chunk?.code ?? ''
}

const serve = (script: string): Promise<Server> =>
  new Promise((resolve) => {
    const server = createServer((request, response) => {
      const isScript = request.url === '/page.js'
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
      response.end(isScript ? script : '<!doctype html><title>bench</title><script type="module" src="/page.js"></script>')
    })
    server.listen(0, '127.0.0.1', () => resolve(server))
  })
