/**
 * Kills a relay under load, again and again, and looks for everything that was acknowledged or shown.
 *
 * The moments are random places in the stream of acknowledgements, by a seed; what the machine does between is its own.
 */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { mergeGrouped } from '@tidemark/updates'
import * as Y from 'yjs'
import { dial } from '../../../../packages/relay/test/network.ts'
import { createReplicaState, type ReplicaState } from '../../../../packages/relay/test/wire-client.ts'
import { type RelayProcess, startRelay } from '../relay-process.ts'
import { Ballast } from './ballast.ts'
import { seeded, Writer, wordsOf } from './writer.ts'

export interface KillOptions {
  readonly seed: number
  readonly kills: number
  readonly writers: number
  readonly documents: number
  readonly directory: string
  /** Acknowledged pushes between two kills: from the first to the second. */
  readonly pushes: readonly [least: number, most: number]
  /** The log fails by chance too, before and after it has stored something. */
  readonly faults: boolean
  /** The disk, which is `directory` alone, becomes full in each life, and is so at some kills. */
  readonly full?: boolean
  readonly tell?: (line: string) => void
}

export interface KillReport {
  readonly acked: number
  /** Acknowledged or shown, and not there afterwards. */
  readonly missing: readonly string[]
  /** Pushes that were refused, by code. */
  readonly refusals: Readonly<Record<string, number>>
  /** From opening the database that a kill left to its first answer, ms. */
  readonly worstOpenMs: number
  /** From starting the program to its listening, ms. */
  readonly worstStartMs: number
  /** Whether a replica that was there all the time and one that joins in the end are equal. */
  readonly areEqual: boolean
  /** Kills while the disk was full. */
  readonly killedFull: number
  /** Places that the last replica was rewound by. */
  readonly rewound: number
}

const faulty = fileURLToPath(new URL('./faulty-relay.ts', import.meta.url))

export async function killRun(options: KillOptions): Promise<KillReport> {
  const { seed, kills, directory, pushes, faults, full = false, tell = () => undefined } = options
  const random = seeded(seed)
  const documents = Array.from({ length: options.documents }, (_, i) => `note/${i}`)
  const crew = Array.from({ length: options.writers }, (_, i) => new Writer(`w${i}-`, documents, random))
  const seen = createReplicaState()
  const start = (program?: string): Promise<RelayProcess> =>
    startRelay(['serve', '--port', '0', '--data', directory, '--allow-anonymous'], program)
  let worstOpenMs = 0
  let worstStartMs = 0
  let killedFull = 0
  const ballast = new Ballast(directory)
  for (let i = 0; i < kills; i++) {
    const startMs = performance.now()
    const relay = await start(faults ? faulty : undefined)
    worstStartMs = Math.max(worstStartMs, performance.now() - startMs)
    let isOver = false
    const reading = read(relay.url, seen, () => isOver)
    let left = pushes[0] + random(pushes[1] - pushes[0])
    let ended: Promise<unknown> | null = null
    const kill = (): void => {
      if (ended !== null) return
      isOver = true
      if (ballast.isThere) killedFull++
      ended = relay.end('SIGKILL')
    }
    let untilFull = full ? random(left) : Number.POSITIVE_INFINITY
    // How many refusals the disk stays full for, and whether the relay is killed in the middle of them.
    let patience = 1 + random(200)
    const diesFull = full && random(3) === 0
    const onAck = (): void => {
      if (--left <= 0) kill()
      else if (--untilFull === 0) ballast.fill()
    }
    const onRefusal = (): void => {
      if (!ballast.isThere || --patience > 0) return
      if (diesFull) kill()
      else ballast.free()
    }
    const writing = crew.map(async (writer) => {
      while (!isOver) await writer.write(relay.url, onAck, onRefusal)
    })
    await Promise.all([...writing, reading])
    await ended
    // Each opening begins an incarnation, which takes room.
    ballast.free()
    worstOpenMs = Math.max(worstOpenMs, openMs(directory))
    if ((i + 1) % 10 === 0)
      tell(
        `${i + 1} kills, ${sum(crew, ({ acked }) => acked.size)} words acknowledged, worst opening ${worstOpenMs.toFixed(0)} ms, refused ${JSON.stringify(refusalsOf(crew))}`,
      )
  }

  const relay = await start()
  const fresh = dial(relay.url)
  const { head } = await fresh.welcomed()
  await fresh.until(() => fresh.state.cursor?.seq === head)
  const back = dial(relay.url, { state: seen })
  const shownTo = seen.cursor?.seq ?? 0
  const { common } = await back.welcomed()
  const shown = documents.flatMap((name) => wordsOf(documentIn(seen, name)))
  await back.until(() => back.state.cursor?.seq === head)
  const kept = new Set(documents.flatMap((name) => wordsOf(fresh.doc(name))))
  const acked = crew.flatMap((writer) => [...writer.acked])
  const areEqual = documents.every((name) => wordsOf(fresh.doc(name)).join() === wordsOf(documentIn(seen, name)).join())
  await relay.end('SIGTERM')
  return {
    acked: acked.length,
    missing: [...acked, ...shown].filter((word) => !kept.has(word)),
    refusals: refusalsOf(crew),
    worstOpenMs,
    worstStartMs,
    areEqual,
    killedFull,
    rewound: shownTo - common,
  }
}

/** Follows the feed until the run is over, over as many connections as it takes. */
async function read(url: string, state: ReplicaState, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const reader = dial(url, { state })
    await reader.until(() => reader.closedWith !== null)
    for (const [name, updates] of state.documents) state.documents.set(name, [mergeGrouped(updates)])
  }
}

function documentIn(state: ReplicaState, name: string): Y.Doc {
  const doc = new Y.Doc({ guid: name })
  for (const update of state.documents.get(name) ?? []) Y.applyUpdate(doc, update)
  return doc
}

/** How long the database that a kill left takes to answer: its write-ahead log is recovered by the first question. */
function openMs(directory: string): number {
  const startMs = performance.now()
  const database = new DatabaseSync(join(directory, 'relay.sqlite'))
  database.prepare('SELECT sum(head) FROM spaces').get()
  const took = performance.now() - startMs
  database.close()
  return took
}

const sum = (crew: readonly Writer[], of: (writer: Writer) => number): number => crew.reduce((total, writer) => total + of(writer), 0)

function refusalsOf(crew: readonly Writer[]): Record<string, number> {
  const total: Record<string, number> = {}
  for (const { refusals } of crew) for (const [code, count] of refusals) total[code] = (total[code] ?? 0) + count
  return total
}
