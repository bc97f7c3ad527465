/**
 * Replays the recorded session, keystroke by keystroke, through one entity of two replicas that take
 * turns over a real relay process.
 *
 * A replica takes its turn only after it has caught up with the other's. In every third turn it works
 * offline and comes back at the end; the one that waits is offline in every fourth.
 */
import { readdirSync, rmSync, statSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startRelayProcess } from '@tidemark/app-relay/process'
import {
  browserPlatform,
  defineEntity,
  type Entity,
  latest,
  memoryStore,
  type Observable,
  openSpace,
  type Space,
  text,
} from '@tidemark/client'
import { z } from 'zod'
import type { Edit } from './trace.ts'

export const Paper = defineEntity('paper', { version: 1, fields: { title: latest(z.string()), text: text() } })

export interface ReplayOptions {
  readonly edits: readonly Edit[]
  /** Keystrokes of one turn. */
  readonly turnEdits?: number
  /** Keystrokes between two turns of the event loop, as a fast typist's machine would have them. */
  readonly burstEdits?: number
  readonly progress?: (done: number) => void
}

export interface ReplayResult {
  readonly turns: number
  readonly offlineTurns: number
  readonly typingMs: number
  /** Until everything is confirmed and both replicas are equal. */
  readonly totalMs: number
  readonly relayMemory: { readonly nowBytes: number; readonly peakBytes: number } | null
  /** Bytes of the relay's files before it stops. */
  readonly logBytes: number
  /** From dialling to the whole text, for a replica that has nothing; after the relay was killed and started again. */
  readonly joinMs: number
  /** The texts of both replicas and of the one that joined last. */
  readonly texts: readonly string[]
}

export async function replay(options: ReplayOptions): Promise<ReplayResult> {
  const data = await mkdtemp(join(tmpdir(), 'tidemark-replay-'))
  let relay = await startRelayProcess(data)
  const spaces: Space[] = []
  try {
    const open = async (user: string): Promise<Space> => {
      const space = await openSpace({
        name: 'replay',
        user: { id: user },
        entities: [Paper],
        store: memoryStore(),
        relay: { url: relay.url },
        platform: browserPlatform(),
      })
      spaces.push(space)
      return space
    }
    const [a, b] = [await open('ann'), await open('bob')]
    const first = await a.create(Paper, { title: 'A paper' }, { id: 'paper' })
    await first.created.confirmed
    const papers = [first, await arrival(b)] as const
    const startMs = performance.now()
    const typed = await takeTurns([a, b], papers, options)
    for (const space of [a, b]) await settled(space)
    await until(papers, () => textOf(papers[0]) === textOf(papers[1]))
    const totalMs = performance.now() - startMs
    const relayMemory = relay.memory()
    const logBytes = directoryBytes(data)
    await relay.stop('SIGKILL')
    relay = await startRelayProcess(data)
    const joinStartMs = performance.now()
    const joined = await arrival(await open('cy'))
    await until([joined], () => textOf(joined) === textOf(papers[0]))
    return { ...typed, totalMs, relayMemory, logBytes, joinMs: performance.now() - joinStartMs, texts: [...papers, joined].map(textOf) }
  } finally {
    for (const space of spaces) await space.close()
    await relay.stop('SIGTERM')
    rmSync(data, { recursive: true, force: true })
  }
}

const textOf = (paper: Entity<typeof Paper.fields>): string => paper.shared.text.toString()

async function takeTurns(
  spaces: readonly [Space, Space],
  papers: readonly [PaperEntity, PaperEntity],
  options: ReplayOptions,
): Promise<Pick<ReplayResult, 'turns' | 'offlineTurns' | 'typingMs'>> {
  const { edits, turnEdits = 2_000, burstEdits = 40, progress } = options
  let turns = 0
  let offlineTurns = 0
  let typingMs = 0
  for (let from = 0; from < edits.length; from += turnEdits, turns++) {
    const [writer, reader] = turns % 2 === 0 ? [0, 1] : [1, 0]
    const [mine, theirs] = [papers[writer as 0 | 1], papers[reader as 0 | 1]]
    await until([mine], () => textOf(mine) === textOf(theirs))
    const isOffline = turns % 3 === 2
    if (isOffline) offlineTurns++
    if (isOffline) spaces[writer as 0 | 1].sync.pause()
    if (turns % 4 === 3) spaces[reader as 0 | 1].sync.pause()
    const startMs = performance.now()
    await type(mine, edits.slice(from, from + turnEdits), burstEdits)
    typingMs += performance.now() - startMs
    progress?.(Math.min(edits.length, from + turnEdits))
    for (const space of spaces) if (space.status.get().phase === 'paused') space.sync.resume()
    await settled(spaces[writer as 0 | 1])
  }
  return { turns, offlineTurns, typingMs }
}

type PaperEntity = Entity<typeof Paper.fields>

async function type(paper: PaperEntity, edits: readonly Edit[], burstEdits: number): Promise<void> {
  const target = paper.shared.text
  for (const [index, [position, deletedCount, inserted]] of edits.entries()) {
    if (deletedCount > 0) target.delete(position, deletedCount)
    if (inserted !== '') target.insert(position, inserted)
    if (index % burstEdits === burstEdits - 1) await new Promise((resolve) => setImmediate(resolve))
  }
}

/** The paper, once it is on this device. */
async function arrival(space: Space): Promise<PaperEntity> {
  const query = space.query(Paper)
  await when(query, () => query.rows.length > 0)
  query.close()
  return space.open(Paper, 'paper')
}

const settled = (space: Space): Promise<void> =>
  when(space.status, () => {
    const { phase, pending, saving } = space.status.get()
    return phase === 'live' && pending.documents === 0 && !saving
  })

/** Resolves when `test` holds, now or after an update of one of the papers. */
const until = (papers: readonly PaperEntity[], test: () => boolean): Promise<void> =>
  when(
    {
      get: () => null,
      subscribe: (listener) => {
        for (const { doc } of papers) doc.on('update', listener)
        return () => {
          for (const { doc } of papers) doc.off('update', listener)
        }
      },
    },
    test,
  )

function when(observable: Observable<unknown>, test: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    if (test()) return resolve()
    const unsubscribe = observable.subscribe(() => {
      if (!test()) return
      unsubscribe()
      resolve()
    })
  })
}

const directoryBytes = (folder: string): number => readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
