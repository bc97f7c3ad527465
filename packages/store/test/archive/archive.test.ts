import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ArchivedDocument, type ArchiveRecord, type ArchiveSource, readArchive, writeArchive } from '../../src/archive/index.ts'
import { rejection } from '../contract/harness.ts'

const header = { space: 'acme', user: 'ann', createdMs: 1_700_000_000_000 }

async function* sourceOf(documents: readonly ArchivedDocument[], problem: string | null = null) {
  yield* documents
  return { problem }
}

const bytesOf = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<Uint8Array> =>
  new Uint8Array(await new Response(stream).arrayBuffer())

/** A stream that gives `bytes` in pieces of `size`. */
const pieces = (bytes: Uint8Array, size: number): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.subarray(at, at + size))
      controller.close()
    },
  })

async function read(bytes: Uint8Array, size = 64): Promise<ArchiveRecord[]> {
  const records: ArchiveRecord[] = []
  for await (const record of readArchive(pieces(bytes, size))) records.push(record)
  return records
}

const document = fc.record<ArchivedDocument>({
  name: fc.string({ unit: 'grapheme' }),
  state: fc.uint8Array({ maxLength: 200 }),
  pending: fc.option(
    fc.record({
      update: fc.uint8Array({ maxLength: 50 }),
      sinceMs: fc.option(fc.nat()),
      problem: fc.option(fc.constant('relay/too-large')),
    }),
  ),
})

const sample: readonly ArchivedDocument[] = [
  { name: 'note/a', state: Uint8Array.of(1, 2, 3), pending: null },
  { name: 'note/b', state: Uint8Array.of(4), pending: { update: Uint8Array.of(5, 6), sinceMs: 7, problem: 'relay/too-large' } },
]

describe('an archive', () => {
  test('gives back what was put in, however its bytes arrive', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(document), fc.integer({ min: 1, max: 300 }), fc.option(fc.string()), async (documents, size, problem) => {
        const records = await read(await bytesOf(writeArchive(header, sourceOf(documents, problem))), size)
        expect(records[0]).toEqual({ type: 'header', header })
        expect(records.slice(1, -1)).toEqual(documents.map((one) => ({ type: 'document', document: one })))
        expect(records.at(-1)).toEqual({ type: 'end', documents: documents.length, problem })
      }),
      { numRuns: 100 },
    )
  })

  test('that is cut off anywhere is archive/invalid', async () => {
    const bytes = await bytesOf(writeArchive(header, sourceOf(sample)))
    for (let length = 0; length < bytes.length; length++) {
      await expect(read(bytes.subarray(0, length)), `cut at ${length}`).rejects.toEqual(rejection('archive/invalid'))
    }
  })

  test('with any byte changed is refused', async () => {
    const bytes = await bytesOf(writeArchive(header, sourceOf(sample)))
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice()
      changed[at] = (changed[at] as number) ^ 0x10
      const isVersion = at >= 8 && at < 12
      await expect(read(changed), `changed at ${at}`).rejects.toEqual(rejection(isVersion ? 'archive/version' : 'archive/invalid'))
    }
  })

  test('with a record left out is refused', async () => {
    const records = async (documents: readonly ArchivedDocument[]): Promise<Uint8Array> =>
      await bytesOf(writeArchive(header, sourceOf(documents)))
    const [both, one] = await Promise.all([records(sample), records(sample.slice(0, 1))])
    const tail = both.subarray(-frameLengthOfEnd(both))
    const without = new Uint8Array([...one.subarray(0, one.length - frameLengthOfEnd(one)), ...tail])
    await expect(read(without)).rejects.toEqual(rejection('archive/invalid'))
  })

  test('that nobody reads on ends its source', async () => {
    let isEnded = false
    async function* endless(): ArchiveSource {
      try {
        for (;;) yield sample[0] as ArchivedDocument
      } finally {
        isEnded = true
      }
    }
    const reader = writeArchive(header, endless()).getReader()
    await reader.read()
    await reader.read()
    await reader.read()
    await reader.cancel()
    expect(isEnded).toBe(true)
  })
})

/** The last record is the only one without bytes beside its JSON; its length stands in front of it. */
function frameLengthOfEnd(archive: Uint8Array): number {
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength)
  let at = 12
  for (;;) {
    const length = 8 + view.getUint32(at, true)
    if (at + length === archive.length) return length
    at += length
  }
}
