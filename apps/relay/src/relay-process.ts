/** A relay as a process of its own, as an operator starts it: for the bench and for end-to-end tests. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('main.ts', import.meta.url))

export interface RelayProcess {
  /** `ws://127.0.0.1:<port>` */
  readonly url: string
  readonly pid: number
  /** Resident memory now and at its highest, bytes; null where the system does not tell. */
  memory(): { readonly nowBytes: number; readonly peakBytes: number } | null
  /** Ends the process by a signal and waits until it is gone. */
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

/** Starts a relay on loopback over the data directory `data`; port 0 takes any free one. */
export async function startRelayProcess(data: string, port = 0, more: readonly string[] = []): Promise<RelayProcess> {
  const args = [
    '--disable-warning=ExperimentalWarning',
    program,
    'serve',
    '--port',
    String(port),
    '--data',
    data,
    '--allow-anonymous',
    ...more,
  ]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const said: string[] = []
  child.stderr.on('data', (chunk: Buffer) => void (said.push(chunk.toString()) > 200 && said.shift()))
  const { url, pid } = await firstLine(child, () => said.join(''))
  return {
    url,
    pid,
    memory: () => readMemory(pid),
    stop: async (signal) => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      process.kill(pid, signal)
      await gone
    },
  }
}

async function firstLine(child: ChildProcess, said: () => string): Promise<{ url: string; pid: number }> {
  const output = child.stdout
  if (output === null) throw new Error('the relay has no standard output')
  for await (const line of createInterface({ input: output })) return JSON.parse(line) as { url: string; pid: number }
  throw new Error(`the relay did not start: ${said()}`)
}

function readMemory(pid: number): { nowBytes: number; peakBytes: number } | null {
  if (process.platform !== 'linux') return null
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kilobytes = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)
  return { nowBytes: kilobytes('VmRSS') * 1024, peakBytes: kilobytes('VmHWM') * 1024 }
}
