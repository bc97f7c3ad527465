/** Servers as processes of their own, and what the system says of them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Contender } from './dialects.ts'

export interface ServerProcess {
  readonly port: number
  readonly pid: number
  /** Ends it and removes what it kept. */
  end(): Promise<void>
}

const programs: Readonly<Record<Contender, readonly [file: string, ...words: string[]]>> = {
  bare: ['bare.ts'],
  stock: ['stock.ts'],
  hocuspocus: ['hocuspocus.ts'],
  durable: ['hocuspocus.ts', 'durable'],
  tidemark: ['tidemark.ts'],
}

export async function startServer(contender: Contender): Promise<ServerProcess> {
  const directory = mkdtempSync(join(tmpdir(), `bench-${contender}-`))
  const [file, ...words] = programs[contender]
  const child = spawn(process.execPath, [fileURLToPath(new URL(`./servers/${file}`, import.meta.url)), directory, ...words], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const { port, pid } = await firstLine<{ port: number; pid: number }>(child)
  return {
    port,
    pid,
    end: async () => {
      const gone = once(child, 'exit')
      process.kill(pid, 'SIGKILL')
      await gone
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Runs a load in a process of its own, and gives what it says in the end. */
export async function runLoad(words: readonly string[]): Promise<Readonly<Record<string, number>>> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./load.ts', import.meta.url)), ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return firstLine(child)
}

async function firstLine<T>(child: ChildProcess): Promise<T> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
  const [line] = await Promise.race([once(lines, 'line'), once(child, 'exit')])
  if (typeof line !== 'string') throw new Error(`it ended with ${line}`)
  return JSON.parse(line) as T
}

/** Processor time of a process with all its threads, ms. */
export function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

export function residentBytesOf(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1]) * 1_024
}
