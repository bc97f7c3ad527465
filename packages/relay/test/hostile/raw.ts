/** V1 updates written struct by struct, so that they can say what Yjs itself never would. */
import * as encoding from 'lib0/encoding'

type Write = (encoder: encoding.Encoder) => void

const { writeUint8: byte, writeVarUint: number, writeVarString: text, writeVarUint8Array: sized } = encoding

export const written = (...parts: readonly Write[]): Uint8Array =>
  encoding.encode((encoder) => {
    for (const part of parts) part(encoder)
  })

/** Where a struct hangs: under a root, under the type at a dot, or beside others. */
export type Place =
  | { readonly root: string; readonly key?: string }
  | { readonly parent: readonly [number, number]; readonly key?: string }
  | { readonly origin?: readonly [number, number]; readonly right?: readonly [number, number] }

export interface Content {
  readonly kind: number
  readonly write: Write
}

export const gc =
  (length: number): Write =>
  (e) => {
    byte(e, 0)
    number(e, length)
  }
export const skip =
  (length: number): Write =>
  (e) => {
    byte(e, 10)
    number(e, length)
  }

export const content = {
  deleted: (length: number): Content => ({ kind: 1, write: (e) => number(e, length) }),
  json: (value: string): Content => ({
    kind: 2,
    write: (e) => {
      number(e, 1)
      text(e, value)
    },
  }),
  binary: (bytes: Uint8Array): Content => ({ kind: 3, write: (e) => sized(e, bytes) }),
  string: (value: string): Content => ({ kind: 4, write: (e) => text(e, value) }),
  rawString: (bytes: Uint8Array): Content => ({ kind: 4, write: (e) => sized(e, bytes) }),
  embed: (json: string): Content => ({ kind: 5, write: (e) => text(e, json) }),
  format: (key: string, json: string): Content => ({
    kind: 6,
    write: (e) => {
      text(e, key)
      text(e, json)
    },
  }),
  /** 0 array, 1 map, 2 text, 3 element, 4 fragment, 5 hook, 6 xml text. */
  type: (type: number, name?: string): Content => ({
    kind: 7,
    write: (e) => {
      number(e, type)
      if (name !== undefined) text(e, name)
    },
  }),
  any: (...values: readonly unknown[]): Content => ({
    kind: 8,
    write: (e) => {
      number(e, values.length)
      // reason: lib0 names the values it takes; what is written here is any of them.
      for (const value of values) encoding.writeAny(e, value as never)
    },
  }),
  rawAny: (count: number, bytes: Uint8Array): Content => ({
    kind: 8,
    write: (e) => {
      number(e, count)
      encoding.writeUint8Array(e, bytes)
    },
  }),
  doc: (guid: string, options: unknown): Content => ({
    kind: 9,
    write: (e) => {
      text(e, guid)
      encoding.writeAny(e, options as never)
    },
  }),
  unknown: (kind: number): Content => ({ kind, write: () => undefined }),
}

export const item =
  (place: Place, { kind, write }: Content): Write =>
  (e) => {
    const beside = 'root' in place || 'parent' in place ? {} : place
    const key = 'root' in place || 'parent' in place ? place.key : undefined
    const info = kind | (beside.origin ? 0x80 : 0) | (beside.right ? 0x40 : 0) | (key === undefined ? 0 : 0x20)
    byte(e, info)
    for (const dot of [beside.origin, beside.right]) {
      if (dot === undefined) continue
      number(e, dot[0])
      number(e, dot[1])
    }
    if ('root' in place) {
      number(e, 1)
      text(e, place.root)
    } else if ('parent' in place) {
      number(e, 0)
      number(e, place.parent[0])
      number(e, place.parent[1])
    }
    if (key !== undefined) text(e, key)
    write(e)
  }

export interface Block {
  readonly client: number
  readonly clock: number
  readonly structs: readonly Write[]
  /** What the bytes say the number of structs is, where it is not theirs. */
  readonly count?: number
}

export type Ranges = Readonly<Record<number, readonly (readonly [clock: number, length: number])[]>>

/** An update of these blocks as they are, in this order. */
export const update = (blocks: readonly Block[], deletes: Ranges = {}, rest: Write = () => undefined): Uint8Array =>
  written(
    (e) => number(e, blocks.length),
    ...blocks.map(({ client, clock, structs, count = structs.length }): Write => {
      return (e) => {
        number(e, count)
        number(e, client)
        number(e, clock)
        for (const struct of structs) struct(e)
      }
    }),
    (e) => {
      const entries = Object.entries(deletes)
      number(e, entries.length)
      for (const [client, ranges] of entries) {
        number(e, Number(client))
        number(e, ranges.length)
        for (const [clock, length] of ranges) {
          number(e, clock)
          number(e, length)
        }
      }
    },
    rest,
  )

/** One client's structs from clock 0. */
export const by = (client: number, ...structs: readonly (Write | readonly Write[])[]): Uint8Array =>
  update([{ client, clock: 0, structs: structs.flat() }])
