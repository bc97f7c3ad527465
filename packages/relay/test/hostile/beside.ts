/**
 * How long honest edits take to be confirmed while somebody attacks the same relay from another process, against how long they
 * take alone; in turns, so that a machine that becomes faster or slower does so for both.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, systemRandom } from '@tidemark/base'
import { createRelayServer, openSqliteLog } from '../../src/index.ts'
import type { Order } from './attacker.ts'
import type { Seen, Watch } from './honest.ts'
import { sessionAttacks } from './session-attacks.ts'

export interface Latency {
  readonly edits: number
  readonly failed: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface BesideReport {
  readonly alone: Latency
  readonly beside: Latency
  /** Attacks that were carried out meanwhile. */
  readonly attacks: number
}

const childOf = (file: string): ChildProcess => fork(new URL(file, import.meta.url), { stdio: 'inherit' })

async function ask<T>(child: ChildProcess, order: Order | Watch): Promise<T> {
  child.send(order)
  const [answer] = (await once(child, 'message')) as [T]
  return answer
}

/** @param seconds of each turn. */
export async function measureBeside(seconds: number, turns: number): Promise<BesideReport> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-beside-'))
  const log = await openSqliteLog({ directory, random: systemRandom })
  const server = await createRelayServer({ log, clock: systemClock, random: systemRandom, port: 0 })
  const [honest, attacker] = [childOf('./honest.ts'), childOf('./attacker.ts')]
  const seen: { readonly alone: Seen[]; readonly beside: Seen[] } = { alone: [], beside: [] }
  let attacks = 0
  try {
    await ask(honest, { url: server.url, seconds: 1 })
    for (let i = 0; i < turns; i++) {
      seen.alone.push(await ask<Seen>(honest, { url: server.url, seconds }))
      let isOver = false
      const attacking = (async () => {
        while (!isOver) {
          const { name } = sessionAttacks[attacks++ % sessionAttacks.length] as (typeof sessionAttacks)[number]
          await ask(attacker, { url: server.url, name, part: 'before' })
          await ask(attacker, { url: server.url, name, part: 'run' })
        }
      })()
      seen.beside.push(await ask<Seen>(honest, { url: server.url, seconds }))
      isOver = true
      // What is under way is carried out to its end.
      await attacking
    }
  } finally {
    honest.kill()
    attacker.kill()
    await server.close()
    await rm(directory, { recursive: true })
  }
  return { alone: latencyOf(seen.alone), beside: latencyOf(seen.beside), attacks }
}

function latencyOf(seen: readonly Seen[]): Latency {
  const sorted = seen.flatMap(({ tookMs }) => tookMs).sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  return { edits: sorted.length, failed: seen.reduce((sum, { failed }) => sum + failed, 0), p50Ms: at(0.5), p99Ms: at(0.99) }
}
