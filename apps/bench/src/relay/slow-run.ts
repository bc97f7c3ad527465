/**
 * Readers that stop reading while somebody writes: what that costs the relay, and whether they end equal.
 *
 * Every edit replaces a large value, so that what there is to read in the end is little, and what was written in between is not.
 */
import * as Y from 'yjs'
import { type Dialled, dial } from '../../../../packages/relay/test/network.ts'
import type { WireClient } from '../../../../packages/relay/test/wire-client.ts'
import { residentBytesOf, startServer } from './processes.ts'

export interface SlowOptions {
  readonly readers: number
  readonly bytes: number
  readonly documents?: number
  readonly updateBytes?: number
  /** Told what the relay grew by, before anybody reads again. */
  readonly tell?: (line: string) => void
}

export interface SlowReport {
  readonly sentBytes: number
  /** The most resident memory that the relay had: while something was written ahead, while nobody read, and when all read again. */
  readonly beforeBytes: number
  readonly slowBytes: number
  readonly mostBytes: number
  readonly areEqual: boolean
  readonly seconds: number
}

/** Written ahead, until the relay is as large as writing makes it. */
const warmUpBytes = 80e6

export async function slowRun({
  readers,
  bytes,
  documents = 20,
  updateBytes = 100_000,
  tell = () => undefined,
}: SlowOptions): Promise<SlowReport> {
  const startMs = performance.now()
  const server = await startServer('tidemark')
  const url = `ws://127.0.0.1:${server.port}`
  try {
    const writer = dial(url, { credit: 0 })
    await writer.welcomed()
    const docs = Array.from({ length: documents }, (_, i) => new Y.Doc({ guid: `note/${i}` }))
    let sentBytes = 0
    let mostBytes = 0
    const write = async (upTo: number): Promise<void> => {
      for (let i = 0; sentBytes < upTo; i++) {
        const doc = docs[i % documents] as Y.Doc
        const before = Y.encodeStateVector(doc)
        doc.getMap('m').set('value', `${i}-`.padEnd(updateBytes, String.fromCharCode(97 + (i % 26))))
        const update = Y.encodeStateAsUpdate(doc, before)
        sentBytes += update.length
        const n = writer.push(doc.guid, update)
        if (i % 16 !== 15) continue
        await writer.until(() => writer.isAcked(n) || writer.refused.size > 0)
        if (writer.refused.size > 0) throw new Error(`refused: ${[...writer.refused]}`)
        mostBytes = Math.max(mostBytes, residentBytesOf(server.pid))
      }
    }
    // What writing takes by itself is not what readers cost: some of it goes ahead, with one who reads.
    const calm = dial(url)
    await calm.welcomed()
    await write(warmUpBytes)
    calm.close()
    const beforeBytes = mostBytes
    // The greediest that a client can be: everything it is owed, and then it does not read.
    const slow = Array.from({ length: readers }, () => dial(url, { credit: 64 << 20 }))
    await Promise.all(slow.map((reader) => reader.welcomed()))
    for (const { ws } of slow) ws.pause()
    await write(warmUpBytes + bytes)
    const slowBytes = mostBytes
    tell(`${readers} readers that do not read, ${sentBytes} bytes sent: grown by ${((slowBytes - beforeBytes) / 1e6).toFixed(1)} MB`)

    for (const { ws } of slow) ws.resume()
    const fresh = dial(url)
    const { head } = await fresh.welcomed()
    const ended = await Promise.all([fresh, ...slow].map((reader) => untilAt(reader, url, head)))
    mostBytes = Math.max(mostBytes, residentBytesOf(server.pid))
    const expected = contentsOf(fresh, docs)
    const areEqual = expected === contentsOf(null, docs) && ended.every((reader) => contentsOf(reader, docs) === expected)
    return { sentBytes, beforeBytes, slowBytes, mostBytes, areEqual, seconds: (performance.now() - startMs) / 1_000 }
  } finally {
    await server.end()
  }
}

/** Reads to `head`; over another connection where the relay took the silent one for dead meanwhile. */
async function untilAt(reader: WireClient & Dialled, url: string, head: number): Promise<WireClient & Dialled> {
  await reader.until(() => reader.state.cursor?.seq === head || reader.closedWith !== null)
  return reader.state.cursor?.seq === head ? reader : untilAt(dial(url, { state: reader.state }), url, head)
}

/** What a client has of the documents, or what was written into them. */
const contentsOf = (client: (WireClient & Dialled) | null, docs: readonly Y.Doc[]): string =>
  docs.map((doc) => String((client === null ? doc : client.doc(doc.guid)).getMap('m').get('value')).slice(0, 20)).join()
