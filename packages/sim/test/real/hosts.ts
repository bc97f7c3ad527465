/** Where real devices run: a Node process with a SQLite file, or a Chromium with a profile of its own. Both can be killed. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { chromium, type Page } from 'playwright'
import type { Order, Promised } from './device.ts'

export interface Host {
  open(): Promise<void>
  obey(order: Order): Promise<unknown>
  /** Ends the device's process at once, as a power button does. */
  kill(): Promise<void>
}

export interface HostOptions {
  readonly name: string
  readonly url: string
  /** The device's disk. */
  readonly directory: string
  readonly documents: readonly string[]
  readonly promised: (promised: Promised) => void
  readonly failed: (what: string) => void
}

interface Said {
  readonly id?: number
  readonly answer?: unknown
  readonly promised?: Promised
  readonly failed?: string
}

export function processHost(options: HostOptions): Host {
  const script = fileURLToPath(new URL('./device-process.ts', import.meta.url))
  let child: ChildProcess | null = null
  let orders = 0
  const answers = new Map<number, (answer: unknown) => void>()
  const heard = ({ id, answer, promised, failed }: Said): void => {
    if (promised !== undefined) options.promised(promised)
    if (failed !== undefined) options.failed(`${options.name}: ${failed}`)
    if (id === undefined) return
    answers.get(id)?.(answer)
    answers.delete(id)
  }
  const answered = (id: number): Promise<unknown> => new Promise((resolve) => answers.set(id, resolve))
  return {
    open: async () => {
      const { name, url, directory, documents } = options
      child = fork(script, [JSON.stringify({ name, url, directory, documents })], {
        execArgv: ['--disable-warning=ExperimentalWarning'],
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      })
      child.on('message', (said) => heard(said as Said))
      const own = child
      // One that ends by itself has failed, and answers nothing any more.
      own.on('exit', (code) => {
        if (child !== own) return
        options.failed(`${name}: its process ended with ${code}`)
        for (const answer of answers.values()) answer(null)
        answers.clear()
      })
      await answered(0)
    },
    obey: async (order) => {
      const id = ++orders
      if (child?.connected !== true) return null
      const answer = answered(id)
      child.send({ id, order })
      return await answer
    },
    kill: async () => {
      const gone = child === null || child.exitCode !== null ? null : once(child, 'exit')
      child?.kill('SIGKILL')
      child = null
      for (const answer of answers.values()) answer(null)
      answers.clear()
      await gone
    },
  }
}

const browserArgs = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

interface ProcessInfo {
  readonly processInfo: readonly { readonly type: string; readonly id: number }[]
}

/** `address` is where the device's page is served. */
export function browserHost(options: HostOptions, address: string): Host {
  let page: Page | null = null
  let kill: (() => Promise<void>) | null = null
  return {
    open: async () => {
      const { name, url, directory, documents } = options
      const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'
      const server = await chromium.launchPersistentContext(directory, { executablePath, args: browserArgs })
      const opened = server.pages()[0] ?? (await server.newPage())
      kill = async () => {
        const session = await server.browser()?.newBrowserCDPSession()
        const { processInfo } = ((await session?.send('SystemInfo.getProcessInfo')) ?? { processInfo: [] }) as ProcessInfo
        const gone = new Promise<void>((resolve) => void server.on('close', () => resolve()))
        process.kill(processInfo.find(({ type }) => type === 'browser')?.id as number, 'SIGKILL')
        await gone
      }
      await opened.exposeFunction('say', ({ promised, failed }: Said) => {
        if (promised !== undefined) options.promised(promised)
        if (failed !== undefined) options.failed(`${name}: ${failed}`)
      })
      await opened.goto(`${address}/index.html#${encodeURIComponent(JSON.stringify({ name, url, documents }))}`)
      await opened.waitForFunction(() => document.title === 'ready')
      page = opened
    },
    obey: async (order) => await page?.evaluate((text) => window.obey(JSON.parse(text) as Order), JSON.stringify(order)).catch(() => null),
    kill: async () => {
      page = null
      await kill?.()
      kill = null
    },
  }
}
