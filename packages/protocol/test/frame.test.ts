import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type ClientMessage,
  createClientFrameDecoder,
  createRelayFrameDecoder,
  defaultRelayLimits,
  encodeClientMessages,
  encodeRelayMessages,
  type RelayMessage,
  wireLimits,
} from '../src/index.ts'

const update = Uint8Array.of(1, 2, 3)
const cursor = { incarnation: 'A', seq: 300, grants: '', scope: '' }

const awareness = { type: 'awareness', document: 'x', isHere: true, entries: [{ client: 5, clock: 2, state: '{}' }] } as const
const awarenessBytes = '0178' + '01' + '01' + '05' + '02' + '027b7d'

/** What came after the first build: agreed on by `features`, so that builds of both kinds understand each other. */
const laterClientGolden: readonly (readonly [ClientMessage, string])[] = [
  [{ type: 'features', features: ['state'] }, '080d01' + '057374617465'],
  [{ type: 'subscribe', document: 'x', stateVector: update, lastSeq: 300 }, '0903' + '0178' + '03010203' + 'ac02'],
  [{ type: 'unsubscribe', document: 'x' }, '03040178'],
  [awareness, `0a08${awarenessBytes}`],
  [{ type: 'audit', document: 'x', stateVector: update, deletes: update }, '0b09' + '0178' + '03010203' + '03010203'],
  [{ type: 'scope', seq: 7, documents: ['x', 'y'] }, '070c07' + '02' + '0178' + '0179'],
]
const laterRelayGolden: readonly (readonly [RelayMessage, string])[] = [
  [{ type: 'features', features: ['state'] }, '082f01' + '057374617465'],
  [{ type: 'stale', seq: 300, numbers: [5, 6] }, '0622' + 'ac02' + '02' + '05' + '06'],
  [{ type: 'state', document: 'x', seq: 300, stateVector: update, update }, '0d23' + '0178' + 'ac02' + '03010203' + '03010203'],
  [{ type: 'lacking', document: 'x' }, '03270178'],
  [{ type: 'slow', holdMs: 500 }, '0328f403'],
  [awareness, `0a29${awarenessBytes}`],
  [{ type: 'purged', documents: ['x'] }, '042b010178'],
]

/** One message of each kind, and its bytes on the wire. These may change only with a decision record and a new wire version. */
const clientGolden: readonly (readonly [ClientMessage, string])[] = [
  [
    { type: 'hello', version: 1, space: 'acme', token: '', replica: 'r', build: 'b', cursor: null, incarnations: [], credit: 65_536 },
    '11010104' + '61636d65' + '00' + '0172' + '0162' + '00' + '00' + '808004',
  ],
  [
    {
      type: 'hello',
      version: 1,
      space: 'a',
      token: 't',
      replica: 'r',
      build: '',
      cursor: { ...cursor, catchUp: { to: 400, last: 7, grants: 'g' } },
      incarnations: [{ id: 'A', first: 1 }],
      credit: 0,
    },
    '1c0101016101740172000101' + '41' + 'ac02' + '0000' + '01' + '9003' + '07' + '01' + '0167' + '01' + '0141' + '01' + '00',
  ],
  [{ type: 'token', token: 't' }, '03020174'],
  [{ type: 'push', n: 1, document: 'report/x', update }, '0f0501087265706f72742f7803010203'],
  [{ type: 'carry', n: 2, document: 'report/x', update }, '0f0602087265706f72742f7803010203'],
  [{ type: 'credit', bytes: 128 }, '03078001'],
  [{ type: 'ping' }, '010b'],
]
const relayGolden: readonly (readonly [RelayMessage, string])[] = [
  [
    {
      type: 'welcome',
      incarnation: 'A',
      first: 1,
      common: 2,
      head: 3,
      access: 'write',
      grants: 'g',
      expiresAtMs: 5,
      limits: defaultRelayLimits,
      nowMs: 1_000,
    },
    '1520' + '0141' + '01' + '02' + '03' + '02' + '0167' + '05' + '808040' + '80808008' + '8002' + 'e807',
  ],
  [{ type: 'changes', mode: 'live', after: 1, seq: 2, changes: [{ number: 5, update }] }, '0a21000102010503010203'],
  [{ type: 'changes', mode: 'catch-up', from: 1, to: 2, last: 5, done: true, widens: null, changes: [] }, '08210101020501' + '00' + '00'],
  [
    { type: 'changes', mode: 'catch-up', from: 0, to: 2, last: 5, done: false, widens: 'g', changes: [] },
    '0a210100020500' + '01' + '0167' + '00',
  ],
  [{ type: 'ack', n: 1, seq: 2 }, '03240102'],
  [
    { type: 'refuse', n: 1, document: 'x', code: 'relay/too-large', detail: 'big' },
    '182501' + '0178' + '0f72656c61792f746f6f2d6c61726765' + '03626967',
  ],
  [{ type: 'names', names: [[5, 'report/x']] }, '0c260105087265706f72742f78'],
  [{ type: 'access', access: 'read', grants: '', expiresAtMs: 300 }, '052a01' + '00' + 'ac02'],
  [{ type: 'bye', code: 'relay/busy', retryAfterMs: 1_000, detail: '' }, '0f2d0a72656c61792f62757379e80700'],
  [{ type: 'pong' }, '012e'],
]

const hex = (frames: readonly Uint8Array[]): string => Buffer.concat(frames).toString('hex')

describe('the wire, version 1', () => {
  test.each([...clientGolden, ...laterClientGolden])('a client says %j', (message, bytes) => {
    expect(hex(encodeClientMessages([message]))).toBe(bytes)
    expect(createClientFrameDecoder().decode(Buffer.from(bytes, 'hex'))).toEqual([message])
  })
  test.each([...relayGolden, ...laterRelayGolden])('a relay says %j', (message, bytes) => {
    expect(hex(encodeRelayMessages([message]))).toBe(bytes)
    expect(createRelayFrameDecoder().decode(Buffer.from(bytes, 'hex'))).toEqual([message])
  })
  test('is pinned: a change of this hash is a new version of the protocol', () => {
    const all = hex([
      ...encodeClientMessages(clientGolden.map(([message]) => message)),
      ...encodeRelayMessages(relayGolden.map(([message]) => message)),
    ])
    expect(createHash('sha256').update(all).digest('hex')).toBe('e7222321800ad52850811ee2ef9ec21f9c8bc19ca5d0375fbc37d11a861014f8')
  })
})

const name = fc.string({ maxLength: 20, unit: 'grapheme' })
const bytes = fc.uint8Array({ maxLength: 300 })
const number = fc.nat(2 ** 31)
const clientMessage: fc.Arbitrary<ClientMessage> = fc.oneof(
  fc.record({
    type: fc.constant('hello' as const),
    version: number,
    space: name,
    token: name,
    replica: name,
    build: name,
    cursor: fc.option(
      fc.record({
        incarnation: name,
        seq: number,
        grants: name,
        scope: name,
        catchUp: fc.record({ to: number, last: number, grants: name }, { requiredKeys: ['to', 'last'] }),
      }),
    ),
    incarnations: fc.array(fc.record({ id: name, first: number }), { maxLength: 16 }),
    credit: number,
  }),
  fc.record({ type: fc.constantFrom('push' as const, 'carry' as const), n: number, document: name, update: bytes }),
  fc.record({ type: fc.constant('credit' as const), bytes: number }),
  fc.record({ type: fc.constant('token' as const), token: name }),
  fc.constant({ type: 'ping' as const }),
)

describe('frames', () => {
  test('any messages survive any frame size, in order, however they are split into chunks', () => {
    fc.assert(
      fc.property(fc.array(clientMessage, { maxLength: 8 }), fc.integer({ min: 128, max: 2_000 }), (messages, maxFrameBytes) => {
        const decoder = createClientFrameDecoder()
        const frames = encodeClientMessages(messages, maxFrameBytes)
        for (const frame of frames) expect(frame.length).toBeLessThanOrEqual(maxFrameBytes)
        expect(frames.flatMap((frame) => decoder.decode(frame))).toEqual(messages)
      }),
      { numRuns: 500 },
    )
  })

  test.each([
    ['client', createClientFrameDecoder, [...clientGolden, ...laterClientGolden].map(([, golden]) => Buffer.from(golden, 'hex'))],
    ['relay', createRelayFrameDecoder, [...relayGolden, ...laterRelayGolden].map(([, golden]) => Buffer.from(golden, 'hex'))],
  ])('the %s decoder answers arbitrary and damaged bytes with protocol/malformed only', (_side, create, golden) => {
    const damaged = fc
      .tuple(fc.constantFrom(...golden), fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 3 }), fc.nat(60))
      .map(([frame, changes, cut]) => {
        const copy = Uint8Array.from(frame).slice(0, Math.max(1, frame.length - (cut % 12)))
        for (const [at, value] of changes) copy[at % copy.length] = value
        return copy
      })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 80 }), damaged), (input) => {
        try {
          create().decode(input)
        } catch (error) {
          expect(error).toMatchObject({ code: 'protocol/malformed' })
        }
      }),
      { numRuns: 20_000 },
    )
  })

  test('a type that this version does not know is stepped over and counted', () => {
    const decoder = createClientFrameDecoder()
    expect(decoder.decode(Uint8Array.of(3, 99, 1, 2, 1, 11))).toEqual([{ type: 'ping' }])
    expect(decoder.unknownTypes).toBe(1)
  })

  test.each([
    ['an empty frame', []],
    ['bytes left over behind a message', [2, 11, 0]],
    ['a length beyond the frame', [9, 11]],
    ['a chunk that lies outside its message', [5, 10, 1, 0, 2, 1, 2]],
    ['a chunk within chunks', [7, 10, 4, 0, 4, 10, 1, 0, 0]],
    ['a message larger than the limit', [8, 10, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 1, 1]],
  ])('%s is malformed', (_what, frame) => {
    expect(() => createClientFrameDecoder().decode(Uint8Array.from(frame))).toThrow(expect.objectContaining({ code: 'protocol/malformed' }))
  })

  test('a message of many chunks takes memory as they come, not as declared', () => {
    const decoder = createClientFrameDecoder()
    expect(decoder.decode(Uint8Array.of(9, 10, 0x80, 0x80, 0x80, 0x1f, 0, 2, 5, 1))).toEqual([])
    expect(() => decoder.decode(Uint8Array.of(6, 10, 3, 0, 1, 5, 0))).toThrow()
  })

  test('[P8] of a client only updates may be long: anything else is refused with its first chunk', () => {
    const first = (type: number): unknown => createClientFrameDecoder().decode(Uint8Array.of(9, 10, 0x80, 0x80, 0x80, 0x08, 0, 2, type, 1))
    expect([first(5), first(6)]).toEqual([[], []])
    for (const type of [3, 8, 9, 12]) expect(() => first(type)).toThrow(expect.objectContaining({ code: 'protocol/malformed' }))
  })

  test('[P8] a client’s awareness is read no further than it may be long', () => {
    const entries = Array.from({ length: 40 }, (_, i) => ({ client: i, clock: 1, state: 'x'.repeat(60_000) }))
    const decode = (count: number): unknown => {
      const decoder = createClientFrameDecoder()
      const message: ClientMessage = { type: 'awareness', document: 'd', isHere: true, entries: entries.slice(0, count) }
      return encodeClientMessages([message]).flatMap((frame) => decoder.decode(frame))
    }
    expect(decode(17)).toHaveLength(1)
    expect(() => decode(40)).toThrow(expect.objectContaining({ code: 'protocol/malformed' }))
  })

  test('the hello fits into what may come before the welcome', () => {
    const long = 'x'.repeat(200)
    const incarnations = Array.from({ length: wireLimits.maxIncarnations }, (_, i) => ({ id: `${long}${i}`, first: i }))
    const [frame] = encodeClientMessages([
      {
        type: 'hello',
        version: 1,
        space: long,
        token: 'x'.repeat(4_000),
        replica: long,
        build: long,
        cursor: { ...cursor, incarnation: long },
        incarnations,
        credit: 1,
      },
    ])
    expect(frame?.length).toBeLessThan(wireLimits.maxHelloBytes)
  })
})
