/** Starts the relay as its users do: as a program of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

export interface RelayProcess {
  readonly url: string
  readonly pid: number
  /** What it has logged so far. */
  log(): string
  /** Ends the process by `signal`; resolves with its exit code, null when the signal ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>
}

/**
 * Resolves when the relay has said where it listens.
 *
 * @param environment on top of this process's own.
 */
export async function startRelay(
  args: readonly string[],
  program: string = main,
  environment: Readonly<Record<string, string>> = {},
): Promise<RelayProcess> {
  const child = run(args, program, environment)
  const exited = once(child, 'exit')
  let logged = ''
  child.stderr?.on('data', (bytes) => {
    logged += bytes
  })
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
  const [line] = await Promise.race([once(lines, 'line'), exited])
  if (typeof line !== 'string') throw new Error(`the relay ended with ${line}`)
  const { url, pid } = JSON.parse(line) as { url: string; pid: number }
  return {
    url,
    pid,
    log: () => logged,
    end: async (signal) => {
      process.kill(pid, signal)
      const [code] = await exited
      return code as number | null
    },
  }
}

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs the program to its end. */
export async function runRelay(args: readonly string[]): Promise<Ended> {
  const child = run(args)
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (bytes) => {
    stdout += bytes
  })
  child.stderr?.on('data', (bytes) => {
    stderr += bytes
  })
  const [code] = await once(child, 'close')
  return { code: code as number, stdout, stderr }
}

const run = (args: readonly string[], program: string = main, environment: Readonly<Record<string, string>> = {}): ChildProcess =>
  spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } })
