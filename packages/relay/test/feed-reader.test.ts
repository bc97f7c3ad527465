import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, systemRandom } from '@tidemark/base'
import { afterEach, describe, expect, test } from 'vitest'
import {
  createMemoryDisk,
  createMemoryLog,
  createRelay,
  type FeedBatch,
  type FeedReaderOptions,
  type Log,
  type MemoryDisk,
  openSqliteLog,
  type Relay,
} from '../src/index.ts'
import { connect, textUpdate } from './wire-client.ts'

const relays: Relay[] = []
afterEach(async () => {
  for (const relay of relays.splice(0)) await relay.close()
})

function startRelay(log: Log): Relay {
  const relay = createRelay({ log, clock: systemClock, random: systemRandom })
  relays.push(relay)
  return relay
}
const onDisk = (disk: MemoryDisk): Relay => startRelay(createMemoryLog({ random: systemRandom, disk }))

let clients = 0
async function write(relay: Relay, space: string, ...documents: string[]): Promise<void> {
  const client = connect(relay, { space })
  await client.welcomed()
  const last = documents.map((document) => client.push(document, textUpdate(document, ++clients))).at(-1) as number
  await client.until(() => client.isAcked(last))
  client.close()
}

/** What a reader was told, in a few letters. */
const spell = ({ space, after, seq, changes, purged, rewoundFrom }: FeedBatch): string =>
  `${space} ${after}-${seq} ${[...changes.map(({ document }) => document), ...purged.map((name) => `-${name}`)].join(',')}${rewoundFrom === null ? '' : ` from ${rewoundFrom}`}`

/** A reader that keeps what it is told. */
function reader(name: string, told: string[], more: Partial<FeedReaderOptions> = {}): FeedReaderOptions {
  return { name, read: async (batch) => void told.push(spell(batch)), ...more }
}

describe('a feed reader', () => {
  test('is told everything in order, of all spaces, with who brought it, and goes on where it was', async () => {
    const disk = createMemoryDisk()
    const relay = onDisk(disk)
    await write(relay, 'a', 'note/1', 'note/2')
    const told: string[] = []
    const batches: FeedBatch[] = []
    const first = relay.readFeed(reader('search', told, { read: async (batch) => void batches.push(batch) }))
    await first.caughtUp()
    await write(relay, 'b', 'note/3')
    await first.caughtUp()
    expect(batches.map(spell)).toEqual(['a 0-2 note/1,note/2', 'b 0-1 note/3'])
    expect(batches[0]?.changes.map(({ origin }) => origin)).toEqual([
      { seq: 1, principal: 'anonymous', kind: 'push' },
      { seq: 2, principal: 'anonymous', kind: 'push' },
    ])
    await first.close()
    await write(relay, 'a', 'note/4')
    const other: string[] = []
    await relay.readFeed(reader('other', other, { spaces: (space) => space === 'a' })).caughtUp()
    expect(other).toEqual(['a 0-3 note/1,note/2,note/4'])
    await relay.close()
    told.length = 0
    await onDisk(disk).readFeed(reader('search', told)).caughtUp()
    expect(told).toEqual(['a 2-3 note/4'])
  })

  test('is told again what it did not take, and nothing is passed over', async () => {
    const relay = onDisk(createMemoryDisk())
    await write(relay, 'a', 'note/1')
    const told: string[] = []
    let failures = 1
    const read = async (batch: FeedBatch): Promise<void> => {
      told.push(spell(batch))
      if (failures-- > 0) throw new Error('not now')
    }
    const feed = relay.readFeed({ name: 'search', read })
    await feed.caughtUp()
    expect(told).toEqual(['a 0-1 note/1', 'a 0-1 note/1'])
  })

  test('is told of what was erased, and by document of what was compacted', async () => {
    const disk = createMemoryDisk()
    const log = createMemoryLog({ random: systemRandom, disk })
    const relay = startRelay(log)
    await write(relay, 'a', 'note/1', 'note/2', 'note/3')
    await log.compact('a', 'note/2')
    await relay.purge('a', 'note/3', 'operator')
    const told: string[] = []
    await relay.readFeed(reader('search', told, { limits: { maxItems: 1 } })).caughtUp()
    expect(told).toEqual(['a 0-0 note/1', 'a 0-0 note/2', 'a 0-4 -note/3'])
    await write(relay, 'a', 'note/4')
    await relay.readFeed(reader('search', told, { limits: { maxItems: 1 } })).caughtUp()
    expect(told.slice(3)).toEqual(['a 4-5 note/4'])
  })

  test('goes back to the common place, and says so, when the relay was restored', async () => {
    const disk = createMemoryDisk()
    const relay = onDisk(disk)
    await write(relay, 'a', 'note/1')
    const told: string[] = []
    await relay.readFeed(reader('search', told)).caughtUp()
    const backup = structuredClone(disk)
    await write(relay, 'a', 'note/2', 'note/3')
    const feed = relay.readFeed(reader('search', told))
    await feed.caughtUp()
    // The cursor is in the database, so a restore takes it back too; a cursor elsewhere would be ahead.
    const cursor = disk.spaces.get('a')?.readers.get('search') ?? ''
    await relay.close()
    backup.spaces.get('a')?.readers.set('search', cursor)
    const restored = onDisk(backup)
    await write(restored, 'a', 'note/4')
    told.length = 0
    await restored.readFeed(reader('search', told)).caughtUp()
    expect(told).toEqual(['a 1-2 note/4 from 3'])
  })

  test('in SQLite goes on where it was after the relay was opened again', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'tidemark-reader-'))
    try {
      const told: string[] = []
      for (const document of ['note/1', 'note/2']) {
        const relay = startRelay(await openSqliteLog({ directory, random: systemRandom }))
        await write(relay, 'a', document)
        await relay.readFeed(reader('search', told)).caughtUp()
        await relay.close()
      }
      expect(told).toEqual(['a 0-1 note/1', 'a 1-2 note/2'])
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})
