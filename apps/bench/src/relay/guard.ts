/** What the guard over entries costs for each update: the same pushes to a document that is watched and to one that is not. */
import { systemClock, systemRandom } from '@tidemark/base'
import { createMemoryLog, createRelay } from '@tidemark/relay'
import { critical, defineEntity, guardFile } from '@tidemark/schema'
import * as Y from 'yjs'
import { z } from 'zod'
import { connect } from '../../../../packages/relay/test/wire-client.ts'

const Report = defineEntity('report', { version: 1, fields: { title: critical(z.string()) } })

const rounds = 5
const pushes = 4_000

/** Entries as an entity writes them, one superseding the one before. */
function entries(): Uint8Array[] {
  const doc = new Y.Doc({ guid: 'entries' })
  doc.clientID = 7
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  const list = doc.getArray('$entries')
  for (let i = 0; i < pushes; i++) {
    list.push([{ i: [7, i], f: 'title', v: `title ${i}`, o: i === 0 ? [] : [[7, i - 1]], by: '', t: i + 1, k: 'set', s: 1 }])
  }
  return updates
}

/** Microseconds of processor time for each push. */
async function cost(document: string, updates: readonly Uint8Array[]): Promise<number> {
  const relay = createRelay({
    log: createMemoryLog({ random: systemRandom }),
    clock: systemClock,
    random: systemRandom,
    guardFile: guardFile([Report]),
    limits: { updateRate: { perSecond: 1e9, burst: 1e9 } },
  })
  const writer = connect(relay, { credit: 0 })
  await writer.welcomed()
  const before = process.cpuUsage()
  for (let from = 0; from < updates.length; from += 200) {
    let n = 0
    for (const update of updates.slice(from, from + 200)) n = writer.push(document, update)
    await writer.until(() => writer.isAcked(n))
  }
  const { user, system } = process.cpuUsage(before)
  await relay.close()
  return (user + system) / updates.length
}

export async function measureGuard(): Promise<Readonly<Record<string, number>>> {
  const updates = entries()
  const watched: number[] = []
  const free: number[] = []
  for (let round = 0; round < rounds; round++) {
    free.push(await cost('note/1', updates))
    watched.push(await cost('report/1', updates))
  }
  const median = (list: number[]): number => list.sort((a, b) => a - b)[rounds >> 1] ?? 0
  return { unwatchedMicroseconds: median(free), watchedMicroseconds: median(watched), guardMicroseconds: median(watched) - median(free) }
}
