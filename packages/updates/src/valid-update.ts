/**
 * Reads a V1 update into a list of structs and deleted ranges, by their places in the bytes, and
 * refuses everything that Yjs would choke on or that would make two replicas differ.
 *
 * Why it exists: a relay must never pass on what wedges a `Y.Doc` for good (one zero-length struct is
 * enough), and it must not build documents to find out. The rules, each of which closes a reproduced attack:
 *
 * 1. Clients stand once, in falling order (merging relies on it), below 2^32.
 * 2. A struct has a length of at least 1 and ends below 2^31.
 * 3. A struct never refers to its own client's future.
 * 4. No sub-documents and no legacy JSON content; names are bounded and never `__proto__`.
 * 5. Texts are UTF-8, values are well-formed and nested at most `maxValueDepth` deep.
 * 6. Deleted ranges are not empty and end below 2^31.
 * 7. No byte is left over.
 *
 * What it does not judge: whether the update fits a document. `cutUpdate` does.
 */
import { ByteReader, invalid } from './byte-reader.ts'
import { type DeleteSet, normalRanges } from './delete-set.ts'
import { updateLimits } from './limits.ts'
import { skipJson, skipValue } from './value.ts'

export const contentKinds = {
  gc: 0,
  deleted: 1,
  json: 2,
  binary: 3,
  string: 4,
  embed: 5,
  format: 6,
  type: 7,
  any: 8,
  doc: 9,
  skip: 10,
} as const

/** Bits of the info byte above the content kind. */
export const infoBits = { kind: 0x1f, parentSub: 0x20, rightOrigin: 0x40, origin: 0x80 } as const

export interface Dot {
  readonly client: number
  readonly clock: number
}

/** One struct by its place in the bytes. */
export interface StructSpan {
  readonly clock: number
  readonly length: number
  readonly info: number
  readonly origin: Dot | null
  readonly rightOrigin: Dot | null
  /** The root type that holds it, where the bytes name it. */
  readonly root: string | null
  /** The type that holds it, where the bytes name it by id. */
  readonly parent: Dot | null
  readonly start: number
  readonly contentStart: number
  readonly end: number
}

export interface ClientStructs {
  readonly client: number
  readonly structs: readonly StructSpan[]
}

/** An update whose bytes keep the rules above. */
export interface ValidUpdate {
  readonly bytes: Uint8Array
  readonly clients: readonly ClientStructs[]
  readonly deletes: DeleteSet
}

/** How much one update may hold. */
export interface UpdateCaps {
  readonly maxStructs: number
  readonly maxDeleteRanges: number
}

/** @throws {TidemarkError} `updates/invalid`, naming the rule. */
export function validateUpdate(update: Uint8Array, caps: UpdateCaps = updateLimits): ValidUpdate {
  const reader = new ByteReader(update)
  const clients = readClients(reader, caps.maxStructs)
  const deletes = readDeletes(reader, caps.maxDeleteRanges)
  if (reader.left > 0) throw invalid(`${reader.left} bytes left over`)
  return { bytes: update, clients, deletes }
}

function readClients(reader: ByteReader, maxStructs: number): ClientStructs[] {
  const clients: ClientStructs[] = []
  let before = Number.POSITIVE_INFINITY
  let room = maxStructs
  for (let left = reader.count(updateLimits.maxClients, 3, 'clients'); left > 0; left--) {
    const count = reader.count(room, 2, 'structs')
    room -= count
    const client = reader.number()
    if (client >= updateLimits.maxClient) throw invalid(`client ${client} is not 32 bits`)
    if (client >= before) throw invalid('clients do not fall')
    before = client
    let clock = reader.number()
    const structs: StructSpan[] = []
    for (let i = 0; i < count; i++) {
      const struct = readStruct(reader, client, clock)
      clock += struct.length
      if (clock >= updateLimits.maxClock) throw invalid(`a clock of ${clock}`)
      structs.push(struct)
    }
    clients.push({ client, structs })
  }
  return clients
}

function readStruct(reader: ByteReader, client: number, clock: number): StructSpan {
  const start = reader.position
  const info = reader.byte()
  const kind = info & infoBits.kind
  if (kind === contentKinds.gc || kind === contentKinds.skip) {
    if (info !== kind) throw invalid('a collected struct with an origin')
    const contentStart = reader.position
    const length = readLength(reader)
    return { clock, length, info, origin: null, rightOrigin: null, root: null, parent: null, start, contentStart, end: reader.position }
  }
  const origin = (info & infoBits.origin) !== 0 ? readDot(reader, client, clock) : null
  const rightOrigin = (info & infoBits.rightOrigin) !== 0 ? readDot(reader, client, clock) : null
  let root: string | null = null
  let parent: Dot | null = null
  if (origin === null && rightOrigin === null) {
    if (reader.number() === 1) root = reader.name()
    else parent = readDot(reader, client, clock)
    if ((info & infoBits.parentSub) !== 0) reader.name()
  }
  const contentStart = reader.position
  const length = skipContent(reader, kind)
  return { clock, length, info, origin, rightOrigin, root, parent, start, contentStart, end: reader.position }
}

function readDot(reader: ByteReader, ownClient: number, ownClock: number): Dot {
  const client = reader.number()
  const clock = reader.number()
  if (client === ownClient && clock >= ownClock) throw invalid('a struct refers to its own future')
  return { client, clock }
}

function readLength(reader: ByteReader): number {
  const length = reader.number()
  if (length === 0) throw invalid('a struct of length 0')
  return length
}

/** Steps over the content and returns its length in clocks. */
function skipContent(reader: ByteReader, kind: number): number {
  switch (kind) {
    case contentKinds.deleted:
      return readLength(reader)
    case contentKinds.binary:
      reader.sized()
      return 1
    case contentKinds.string: {
      const length = reader.text().length
      if (length === 0) throw invalid('a struct of length 0')
      return length
    }
    case contentKinds.embed:
      skipJson(reader)
      return 1
    case contentKinds.format:
      reader.name()
      skipJson(reader)
      return 1
    case contentKinds.type:
      skipType(reader)
      return 1
    case contentKinds.any: {
      const length = readLength(reader)
      if (length > reader.left) throw invalid('the update ends early')
      for (let i = 0; i < length; i++) skipValue(reader)
      return length
    }
    default:
      throw invalid(`content of kind ${kind} is not taken`)
  }
}

/** Array, map, text, element (with a name), fragment, hook (with a name), xml text. */
function skipType(reader: ByteReader): void {
  const type = reader.number()
  if (type > 6) throw invalid(`no type of kind ${type}`)
  if (type === 3 || type === 5) reader.name()
}

function readDeletes(reader: ByteReader, maxDeleteRanges: number): DeleteSet {
  const deletes: DeleteSet = new Map()
  const seen = new Set<number>()
  let room = maxDeleteRanges
  for (let left = reader.count(updateLimits.maxClients, 2, 'clients'); left > 0; left--) {
    const client = reader.number()
    if (client >= updateLimits.maxClient) throw invalid(`client ${client} is not 32 bits`)
    if (seen.has(client)) throw invalid('a client stands twice among the deletions')
    seen.add(client)
    const count = reader.count(room, 2, 'deleted ranges')
    room -= count
    const ranges: number[] = []
    for (let i = 0; i < count; i++) {
      const clock = reader.number()
      const length = readLength(reader)
      if (clock + length > updateLimits.maxClock) throw invalid(`a deleted clock of ${clock + length}`)
      ranges.push(clock, clock + length)
    }
    if (count > 0) deletes.set(client, normalRanges(ranges))
  }
  return deletes
}
