import { describe, expect, test } from 'vitest'
import { Answers } from '../src/answers.ts'
import { type AwarenessEntry, type AwarenessMember, AwarenessRooms, type Told } from '../src/awareness-rooms.ts'
import { isDueForCompaction } from '../src/compaction.ts'
import { defaultRelayBounds, type RelayBounds } from '../src/index.ts'
import { NumberSet } from '../src/number-set.ts'
import { readUpgradePath } from '../src/paths.ts'
import { readStockMessage } from '../src/stock-wire.ts'
import { ManualClock } from './manual-clock.ts'

describe('answers', () => {
  test('go out in the order of pushes, refusals before the acknowledgement that passes over them', () => {
    const answers = new Answers()
    const [one, two, three, four] = [1, 2, 3, 4].map((n) => answers.expect(n, 'd', 10)) as [never, never, never, never]
    const say = (answer: (outcome: never) => object[], outcome: object): object[] => answer(outcome as never)
    expect(say(two, { type: 'refused', code: 'relay/invalid', detail: '' })).toEqual([])
    expect(say(three, { type: 'committed', seq: 7 })).toEqual([])
    expect(answers).toMatchObject({ count: 4, bytes: 40 })
    expect(say(one, { type: 'committed', seq: 9 })).toEqual([
      { type: 'refuse', n: 2, document: 'd', code: 'relay/invalid', detail: '' },
      { type: 'ack', n: 3, seq: 9 },
    ])
    expect(say(four, { type: 'failed' })).toEqual([])
    expect(answers).toMatchObject({ count: 1, bytes: 10 })
  })
})

describe('awareness', () => {
  interface Member extends AwarenessMember {
    readonly heard: string[]
  }
  const member = (): Member => {
    const heard: string[] = []
    const awareness = ({ entries }: Told): void =>
      void heard.push(entries.map(({ client, clock, state }) => `${client}@${clock}${state}`).join(' '))
    return { heard, awareness }
  }
  const say = (client: number, clock: number, state = '{}'): AwarenessEntry => ({ client, clock, state })
  const room = (bounds: Partial<RelayBounds> = {}): { rooms: AwarenessRooms; pass: (ms?: number) => void } => {
    const clock = new ManualClock()
    const rooms = new AwarenessRooms({ ...defaultRelayBounds, ...bounds }, clock)
    return { rooms, pass: (ms = defaultRelayBounds.presenceGatherMaxMs) => clock.pass(ms) }
  }

  test('reaches everyone in the room, its sender too, and is forgotten when the sender leaves', () => {
    const { rooms, pass } = room()
    const [ada, bob] = [member(), member()]
    rooms.enter('d', ada)
    expect(rooms.enter('d', bob)).toEqual([])
    rooms.update('d', ada, [say(1, 1)], 'anonymous')
    pass(0)
    expect([ada.heard, bob.heard]).toEqual([['1@1{}'], ['1@1{}']])
    rooms.leave('d', ada)
    pass()
    expect(bob.heard.at(-1)).toBe('1@1null')
    expect(rooms.states('d')).toEqual([])
  })

  test('an id belongs to the session that sent it first, and older states are left out', () => {
    const { rooms, pass } = room()
    const [ada, bob] = [member(), member()]
    rooms.enter('d', ada)
    rooms.enter('d', bob)
    rooms.update('d', ada, [say(1, 5)], 'anonymous')
    pass()
    rooms.update('d', bob, [say(1, 9, '{"forged":true}')], 'anonymous')
    rooms.update('d', ada, [say(1, 4)], 'anonymous')
    pass()
    expect(rooms.states('d')).toMatchObject([{ client: 1, clock: 5, state: '{}' }])
    expect([ada.heard, bob.heard]).toEqual([
      ['1@5{}', ''],
      ['1@5{}', ''],
    ])
  })

  test('names who is signed in, whatever the sender says, and takes nothing that is no object, or too deep to be compared', () => {
    const { rooms } = room()
    const ada = member()
    rooms.enter('d', ada)
    const deep = `{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}`
    rooms.update('d', ada, [say(1, 1, '{"$user":"eve","at":3}'), say(2, 1, 'not json'), say(3, 1, '[1]'), say(4, 1, deep)], 'ada')
    expect(rooms.states('d')).toMatchObject([{ client: 1, state: '{"at":3,"$user":"ada"}' }])
    rooms.update('d', ada, [say(1, 2, '{"$user":"eve"}'), say(4, 1, deep)], 'anonymous')
    expect(rooms.states('d')).toMatchObject([{ client: 1, state: '{}' }])
  })

  test('[P8] a session owns a bounded number of ids', () => {
    const { rooms } = room({ maxAwarenessStates: 2 })
    const ada = member()
    rooms.enter('d', ada)
    rooms.update('d', ada, [say(1, 1), say(2, 1), say(3, 1)], 'anonymous')
    rooms.update('d', ada, [say(1, 2, 'null'), say(4, 1)], 'anonymous')
    expect(rooms.states('d').map(({ client }) => client)).toEqual([2, 4])
  })

  test('[P8] the states of a document take so much memory in all, and there is room again when somebody leaves', () => {
    const { rooms } = room({ maxRoomBytes: 100 })
    const [ada, bob] = [member(), member()]
    rooms.enter('d', ada)
    rooms.enter('d', bob)
    const state = `{"a":"${'x'.repeat(52)}"}`
    const known = (): number[] => rooms.states('d').map(({ client }) => client)
    rooms.update('d', ada, [say(1, 1, state)], 'anonymous')
    rooms.update('d', bob, [say(2, 1, state)], 'anonymous')
    rooms.update('d', ada, [say(1, 2, `{"b":"${'y'.repeat(52)}"}`)], 'anonymous')
    expect([known(), rooms.states('d')[0]?.clock]).toEqual([[1], 2])
    rooms.leave('d', ada)
    rooms.update('d', bob, [say(2, 2, state)], 'anonymous')
    expect(known()).toEqual([2])
  })

  test('[P8] however often somebody says something, the room is told of it in turns, the rarer the more that is', () => {
    const { rooms, pass } = room()
    const [ada, bob] = [member(), member()]
    rooms.enter('d', ada)
    rooms.enter('d', bob)
    for (let i = 1; i <= 1_000; i++) rooms.update('d', ada, [say(1, i)], 'anonymous')
    pass(0)
    expect(bob.heard).toEqual(['1@1000{}'])
    for (let i = 1; i <= 100; i++) {
      rooms.update('d', ada, [say(1, 1_000 + i)], 'anonymous')
      pass(1)
    }
    expect(bob.heard.length).toBe(100 / defaultRelayBounds.presenceGatherMs)
    const large = JSON.stringify({ name: 'x'.repeat(8 * defaultRelayBounds.presenceBytesPerMs) })
    pass()
    const before = bob.heard.length
    for (let i = 1; i <= 100; i++) {
      rooms.update('d', ada, [say(1, 2_000 + i, large)], 'anonymous')
      pass(1)
    }
    expect(bob.heard.length - before).toBe(1 + Math.floor(100 / (defaultRelayBounds.presenceGatherMs + 16)))
  })

  test('an encoding is made once for all who hear of it', () => {
    const { rooms, pass } = room()
    let encodings = 0
    const listener = (): AwarenessMember => ({ awareness: (told) => void told.as('test', () => ++encodings) })
    for (let i = 0; i < 50; i++) rooms.enter('d', listener())
    const ada = member()
    rooms.enter('d', ada)
    rooms.update('d', ada, [say(1, 1)], 'anonymous')
    pass()
    expect([encodings, ada.heard]).toEqual([1, ['1@1{}']])
  })
})

describe('paths', () => {
  test.each([
    ['/v1', { type: 'tidemark' }],
    ['/v1?x=1', { type: 'tidemark' }],
    ['/acme/note', { type: 'stock', space: 'acme', document: 'note', token: '' }],
    ['/acme/a%20b/c?token=x', { type: 'stock', space: 'acme', document: 'a b/c', token: 'x' }],
    ['/v1/', null],
    ['/acme', null],
    ['//x', null],
    ['/acme/%E0%A4', null],
    ['', null],
  ])('%s', (url, expected) => expect(readUpgradePath(url)).toEqual(expected))
})

describe('the stock wire', () => {
  test.each([[[]], [[0]], [[0, 0]], [[0, 0, 5, 1]], [[1, 3, 1, 1]], [[1, 4, 1, 1, 1, 2]], [[1, 255, 255, 255, 255, 15]]])(
    '%j is malformed',
    (bytes) => {
      expect(() => readStockMessage(Uint8Array.from(bytes), 1_000)).toThrow(expect.objectContaining({ code: 'protocol/malformed' }))
    },
  )

  test('[P8] awareness over its limit is malformed', () => {
    expect(() => readStockMessage(Uint8Array.from([1, 20, ...new Array(20).fill(0)]), 10)).toThrow(
      expect.objectContaining({ code: 'protocol/malformed' }),
    )
  })
})

test('a set of numbers holds what was added, however large', () => {
  const set = new NumberSet()
  for (const value of [0, 1, 127, 128, 5_000]) set.add(value)
  expect([0, 1, 2, 127, 128, 129, 5_000, 5_001, 1_000_000].filter((value) => set.has(value))).toEqual([0, 1, 127, 128, 5_000])
})

test.each([
  [{ rows: 1, rowBytes: 1e6, snapshotBytes: 0 }, false],
  [{ rows: 500, rowBytes: 10_000, snapshotBytes: 0 }, true],
  [{ rows: 500, rowBytes: 10_000, snapshotBytes: 1e6 }, false],
  [{ rows: 5_000, rowBytes: 10_000, snapshotBytes: 1e6 }, true],
  [{ rows: 2, rowBytes: 300_000, snapshotBytes: 0 }, true],
  [{ rows: 2, rowBytes: 300_000, snapshotBytes: 1e6 }, false],
])('a document of %j is due for compaction: %s', (size, isDue) => expect(isDueForCompaction(size)).toBe(isDue))
