/**
 * The records of which an archive is made, and their bytes.
 *
 * ```
 * archive  = magic "TIDEMARK" · u32 version · record…
 * record   = u32 length of body · u32 CRC-32 of body · body
 * body     = u32 length of JSON · JSON, UTF-8 · the blobs that it names by length, one after the other
 * ```
 * All numbers little-endian. The first record is the header, then one per document, then one that closes the archive
 * with their number, so that a file cut off between two records is noticed.
 */
import { TidemarkError } from '@tidemark/base'

export const archiveVersion = 1
/** The most that one record may have: a document's whole state with what is pending of it. */
export const maxRecordBytes = 512 * 2 ** 20

const magic = new TextEncoder().encode('TIDEMARK')
export const preambleBytes = magic.length + 4
export const frameBytes = 8

/** Where an archive comes from. */
export interface ArchiveHeader {
  readonly space: string
  readonly user: string
  /** When it was begun, ms since 1970. */
  readonly createdMs: number
}

/** One document as archived. */
export interface ArchivedDocument {
  /** Document name, `<type>/<id>`. */
  readonly name: string
  /** V1 bytes of everything that the device had of it, what was not saved yet included. */
  readonly state: Uint8Array
  /** What the relay had not acknowledged of it; null when that was nothing. */
  readonly pending: ArchivedPending | null
}

export interface ArchivedPending {
  /** V1 bytes, part of the state too. */
  readonly update: Uint8Array
  /** When the oldest of it was written, ms since 1970; null when that is not known. */
  readonly sinceMs: number | null
  /** The code of the relay's refusal; null when it was only waiting. */
  readonly problem: string | null
}

export type ArchiveRecord =
  | { readonly type: 'header'; readonly header: ArchiveHeader }
  | { readonly type: 'document'; readonly document: ArchivedDocument }
  /** `problem`: why something may be missing, as a sentence; null when nothing is. */
  | { readonly type: 'end'; readonly documents: number; readonly problem: string | null }

export const damaged = (what: string): TidemarkError => new TidemarkError('archive/invalid', what)

export function encodePreamble(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(preambleBytes)
  bytes.set(magic)
  viewOf(bytes).setUint32(magic.length, archiveVersion, true)
  return bytes
}

/** @throws {TidemarkError} `archive/invalid` when it is no archive, `archive/version` when a newer build wrote it. */
export function checkPreamble(bytes: Uint8Array): void {
  if (!magic.every((byte, i) => bytes[i] === byte)) throw damaged('the file does not begin as an archive of a space does')
  const version = viewOf(bytes).getUint32(magic.length, true)
  if (version !== archiveVersion)
    throw new TidemarkError('archive/version', `the archive has version ${version}; this build reads ${archiveVersion}`)
}

export function encodeRecord(record: ArchiveRecord): Uint8Array<ArrayBuffer> {
  const [plain, blobs] = parted(record)
  const json = new TextEncoder().encode(JSON.stringify(plain))
  const body = 4 + json.length + blobs.reduce((sum, blob) => sum + blob.length, 0)
  if (body > maxRecordBytes) throw new TidemarkError('archive/too-large', `a record of ${body} bytes, where ${maxRecordBytes} is the most`)
  const bytes = new Uint8Array(frameBytes + body)
  const view = viewOf(bytes)
  view.setUint32(0, body, true)
  view.setUint32(frameBytes, json.length, true)
  let at = frameBytes + 4
  for (const part of [json, ...blobs]) {
    bytes.set(part, at)
    at += part.length
  }
  view.setUint32(4, crc32(bytes.subarray(frameBytes)), true)
  return bytes
}

/** @throws {TidemarkError} `archive/invalid` when its length cannot be. */
export function readFrame(frame: Uint8Array): { readonly bodyBytes: number; readonly crc: number } {
  const view = viewOf(frame)
  const bodyBytes = view.getUint32(0, true)
  if (bodyBytes < 4 || bodyBytes > maxRecordBytes) throw damaged(`a record claims ${bodyBytes} bytes`)
  return { bodyBytes, crc: view.getUint32(4, true) }
}

/** @throws {TidemarkError} `archive/invalid` when the body is not what was written. */
export function decodeRecord(body: Uint8Array, crc: number): ArchiveRecord {
  if (crc32(body) !== crc) throw damaged('a record is not as it was written: its checksum differs')
  const jsonBytes = viewOf(body).getUint32(0, true)
  if (jsonBytes > body.length - 4) throw damaged('a record is shorter than it says')
  const plain = parse(body.subarray(4, 4 + jsonBytes))
  return joined(plain, body.subarray(4 + jsonBytes))
}

/** A record as JSON and the bytes beside it. */
function parted(record: ArchiveRecord): [object, readonly Uint8Array[]] {
  if (record.type !== 'document') return [record, []]
  const { name, state, pending } = record.document
  if (pending === null) return [{ type: 'document', name, state: state.length }, [state]]
  const { update, ...rest } = pending
  return [{ type: 'document', name, state: state.length, pending: { ...rest, update: update.length } }, [state, update]]
}

function joined(plain: Readonly<Record<string, unknown>>, blobs: Uint8Array): ArchiveRecord {
  const { type, space, user, createdMs, name, state, documents } = { ...plain, ...fieldsOf(plain.header) }
  if (type === 'header' && typeof space === 'string' && typeof user === 'string' && typeof createdMs === 'number') {
    return { type, header: { space, user, createdMs } }
  }
  if (type === 'end' && isCount(documents)) return { type, documents, problem: typeof plain.problem === 'string' ? plain.problem : null }
  if (type !== 'document' || typeof name !== 'string' || !isCount(state)) throw damaged('a record is of no known kind')
  const { update, sinceMs, problem } = fieldsOf(plain.pending)
  const pendingBytes = isCount(update) ? update : 0
  if (state + pendingBytes !== blobs.length) throw damaged(`the bytes of ${name} are not as long as its record says`)
  const pending: ArchivedPending | null = isCount(update)
    ? {
        update: blobs.slice(state),
        sinceMs: typeof sinceMs === 'number' ? sinceMs : null,
        problem: typeof problem === 'string' ? problem : null,
      }
    : null
  return { type, document: { name, state: blobs.slice(0, state), pending } }
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> => (typeof value === 'object' && value !== null ? { ...value } : {})

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

function parse(json: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    return fieldsOf(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json)))
  } catch {
    throw damaged('a record cannot be read')
  }
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** CRC-32 as in ISO 3309 and gzip: notices what a disk or a broken download does to a file, not what a person does. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = (crcTable[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return value
})
