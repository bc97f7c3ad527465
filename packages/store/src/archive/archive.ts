/**
 * An archive of a space, as a stream: written and read one document at a time, so that neither side holds more.
 */
import {
  type ArchivedDocument,
  type ArchiveHeader,
  type ArchiveRecord,
  checkPreamble,
  damaged,
  decodeRecord,
  encodePreamble,
  encodeRecord,
  frameBytes,
  preambleBytes,
  readFrame,
} from './record.ts'

/** What an archive is made of: documents as they come, and at the end why some may be missing. */
export type ArchiveSource = AsyncGenerator<ArchivedDocument, { readonly problem: string | null }>

/**
 * The bytes of an archive; the source is read as fast as the stream is.
 *
 * The stream fails with whatever the source throws; `cancel` ends the source.
 */
export function writeArchive(header: ArchiveHeader, source: ArchiveSource): ReadableStream<Uint8Array<ArrayBuffer>> {
  const records = recordsOf(header, source)
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => controller.enqueue(encodePreamble()),
    async pull(controller) {
      const { done, value } = await records.next()
      if (done === true) controller.close()
      else controller.enqueue(encodeRecord(value))
    },
    cancel: async () => void (await records.return()),
  })
}

async function* recordsOf(header: ArchiveHeader, source: ArchiveSource): AsyncGenerator<ArchiveRecord, void> {
  yield { type: 'header', header }
  let documents = 0
  try {
    for (;;) {
      const { done, value } = await source.next()
      if (done === true) return yield { type: 'end', documents, problem: value.problem }
      yield { type: 'document', document: value }
      documents++
    }
  } finally {
    await source.return({ problem: null })
  }
}

/**
 * Reads an archive, record after record: the header first, `end` last. Bytes of documents are not judged here.
 *
 * @throws {TidemarkError} `archive/invalid` at the first place where the file is damaged, cut off, or no archive at all;
 *   `archive/version` when a newer build wrote it.
 */
export async function* readArchive(stream: ReadableStream<Uint8Array>): AsyncGenerator<ArchiveRecord, void> {
  const reader = new StreamBytes(stream)
  try {
    checkPreamble(await reader.take(preambleBytes))
    let documents = -1
    for (;;) {
      const { bodyBytes, crc } = readFrame(await reader.take(frameBytes))
      const record = decodeRecord(await reader.take(bodyBytes), crc)
      if ((documents === -1) !== (record.type === 'header')) throw damaged('its records are in no order that an archive has')
      if (record.type === 'end' && record.documents !== documents)
        throw damaged(`it has ${documents} documents where it says ${record.documents}`)
      yield record
      if (record.type === 'end') return
      documents++
    }
  } finally {
    await reader.close()
  }
}

/** A stream's bytes in the lengths that are asked for. */
class StreamBytes {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  #chunk: Uint8Array = new Uint8Array()

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader()
  }

  /** What a damaged file claims is not laid out before it has come. */
  async take(length: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    for (let missing = length; missing > 0; ) {
      if (this.#chunk.length === 0) {
        const { done, value } = await this.#reader.read()
        if (done) throw damaged(`it is cut off: ${missing} bytes more were to come`)
        this.#chunk = value
      }
      const part = this.#chunk.subarray(0, missing)
      parts.push(part)
      missing -= part.length
      this.#chunk = this.#chunk.subarray(part.length)
    }
    return joined(parts, length)
  }

  async close(): Promise<void> {
    // reason: the stream may have failed already; whoever reads has that error.
    await this.#reader.cancel().catch(() => undefined)
  }
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  if (parts.length === 1) return parts[0] as Uint8Array
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
