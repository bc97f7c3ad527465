import { systemClock, systemRandom } from '@tidemark/base'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import {
  type CommittedChange,
  type ConnectionEvent,
  createMemoryLog,
  createRelay,
  type ProposedChange,
  type Relay,
  type RelayHooks,
} from '../src/index.ts'
import { connect, textUpdate } from './wire-client.ts'

const startRelay = (hooks: RelayHooks): Relay =>
  createRelay({
    log: createMemoryLog({ random: systemRandom }),
    clock: systemClock,
    random: systemRandom,
    limits: { hookTimeoutMs: 10 },
    authorize: ({ token }) => ({ principal: token, grants: [{ prefix: '', access: 'write' }], expiresAtMs: null }),
    hooks,
  })

const never = () => new Promise<never>(() => undefined)
const failing: readonly (readonly [string, () => never | Promise<never>])[] = [
  [
    'throws',
    () => {
      throw new Error('down')
    },
  ],
  ['rejects', () => Promise.reject(new Error('down'))],
  ['never answers', never],
]

describe('beforeCommit', () => {
  test('refuses with a reason, naming the document, and the connection goes on', async () => {
    const asked: ProposedChange[] = []
    const relay = startRelay({
      beforeCommit: (change) => {
        asked.push(change)
        return change.document === 'note/closed' ? { refuse: 'this note is closed' } : undefined
      },
    })
    const ann = connect(relay, { token: 'ann' })
    await ann.welcomed()
    const refused = ann.push('note/closed', textUpdate('no', 1))
    const taken = ann.push('note/open', textUpdate('yes', 2))
    await ann.until(() => ann.isAcked(taken) && ann.refused.has(refused))
    expect(ann.messages).toContainEqual({
      type: 'refuse',
      n: refused,
      document: 'note/closed',
      code: 'relay/refused',
      detail: 'this note is closed',
    })
    expect(asked).toMatchObject([
      { space: 'acme', document: 'note/closed', principal: 'ann', kind: 'push' },
      { space: 'acme', document: 'note/open', principal: 'ann', kind: 'push' },
    ])
    const bob = connect(relay, { token: 'bob' })
    await bob.until(() => bob.state.documents.has('note/open'))
    expect([...bob.state.documents.keys()]).toEqual(['note/open'])
  })

  test('may take its time, sees what the document has, and keeps the order of its updates', async () => {
    const doc = new Y.Doc({ guid: 'note/1' })
    const updates: Uint8Array[] = []
    doc.on('update', (update: Uint8Array) => void updates.push(update))
    for (const word of ['one ', 'two ', 'three']) doc.getText('t').insert(doc.getText('t').length, word)
    const seen: string[] = []
    const relay = startRelay({
      beforeCommit: async ({ current }) => {
        const now = await current()
        const other = new Y.Doc({ guid: 'seen' })
        if (now !== null) Y.applyUpdate(other, now)
        seen.push(other.getText('t').toString())
        return undefined
      },
    })
    const ann = connect(relay, { token: 'ann' })
    await ann.welcomed()
    const last = updates.map((update) => ann.push('note/1', update)).at(-1) as number
    await ann.until(() => ann.isAcked(last))
    expect(seen).toEqual(['', 'one ', 'one two '])
    expect(ann.refused.size).toBe(0)
  })

  test.each(failing)('that %s lets nothing through, and says to try again', async (_how, beforeCommit) => {
    const relay = startRelay({ beforeCommit: (change) => (change.document === 'note/1' ? beforeCommit() : undefined) })
    const ann = connect(relay, { token: 'ann' })
    await ann.welcomed()
    const refused = ann.push('note/1', textUpdate('a', 1))
    const taken = ann.push('note/2', textUpdate('b', 2))
    await ann.until(() => ann.isAcked(taken) && ann.refused.has(refused))
    expect(ann.refused.get(refused)).toBe('relay/busy')
  })
})

describe('afterCommit, onConnect and onDisconnect', () => {
  test('are told of each in order', async () => {
    const told: CommittedChange[] = []
    const met: [string, ConnectionEvent][] = []
    const left = Promise.withResolvers<void>()
    const relay = startRelay({
      afterCommit: (change) => void told.push(change),
      onConnect: (connection) => void met.push(['in', connection]),
      onDisconnect: (connection) => {
        met.push(['out', connection])
        left.resolve()
      },
    })
    const ann = connect(relay, { token: 'ann' })
    await ann.welcomed()
    const last = ['a', 'b', 'c'].map((word, i) => ann.push(`note/${word}`, textUpdate(word, i + 1))).at(-1) as number
    await ann.until(() => ann.isAcked(last))
    expect(told.map(({ seq, document, principal }) => [seq, document, principal])).toEqual([
      [1, 'note/a', 'ann'],
      [2, 'note/b', 'ann'],
      [3, 'note/c', 'ann'],
    ])
    ann.close()
    await left.promise
    const connection = { space: 'acme', principal: 'ann', access: 'write', address: '', origin: '', document: null }
    expect(met).toEqual([
      ['in', connection],
      ['out', connection],
    ])
  })

  test('onConnect keeps out, with its reason', async () => {
    const ann = connect(startRelay({ onConnect: () => ({ refuse: 'only from the office' }) }), { token: 'ann' })
    await ann.until(() => ann.closedWith !== null)
    expect(ann.messages).toMatchObject([{ type: 'bye', code: 'relay/forbidden', detail: 'relay/forbidden: only from the office' }])
    expect(ann.closedWith).toBe(4403)
  })

  test.each(failing)('onConnect that %s lets nobody in, who is told to come back', async (_how, onConnect) => {
    const ann = connect(startRelay({ onConnect }), { token: 'ann' })
    await ann.until(() => ann.closedWith !== null)
    expect(ann.messages).toMatchObject([{ type: 'bye', code: 'relay/busy' }])
  })

  test.each(failing)('one that %s afterwards harms nobody', async (_how, hook) => {
    const relay = startRelay({ afterCommit: hook, onDisconnect: hook })
    const ann = connect(relay, { token: 'ann' })
    await ann.welcomed()
    const first = ann.push('note/1', textUpdate('a', 1))
    await ann.until(() => ann.isAcked(first))
    ann.close()
    const bob = connect(relay, { token: 'bob' })
    await bob.until(() => bob.state.documents.has('note/1'))
    await relay.close()
  })
})
