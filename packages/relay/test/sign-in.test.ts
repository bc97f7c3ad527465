import { type Clock, systemClock, systemRandom, TidemarkError } from '@tidemark/base'
import { closeCodes } from '@tidemark/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Authorize, createMemoryLog, createRelay, type PrefixGrant, type Relay, type RelayOptions, type SignIn } from '../src/index.ts'
import { connect, createReplicaState, type Line, textUpdate, type WireClient } from './wire-client.ts'

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function startRelay(authorize: Authorize, options: Partial<RelayOptions> = {}): Relay {
  return createRelay({ log: createMemoryLog({ random: systemRandom }), clock: systemClock, random: systemRandom, authorize, ...options })
}

const signIn = (principal: string, grants: readonly PrefixGrant[], expiresAtMs: number | null = null): SignIn => ({
  principal,
  grants,
  expiresAtMs,
})
const whole = (access: PrefixGrant['access']): PrefixGrant[] => [{ prefix: '', access }]

/** A table of what each token is worth. */
const table = (worth: Record<string, SignIn | TidemarkError>): Authorize => {
  return async ({ token }) => {
    const found = worth[token] ?? new TidemarkError('relay/signed-out', 'no such token')
    if (found instanceof Error) throw found
    return found
  }
}

/** A clock that a test sets; what is due runs then. */
function testClock(): Clock & { to(nowMs: number): void } {
  let nowMs = 1_000
  const due = new Set<{ atMs: number; run: () => void }>()
  return {
    now: () => nowMs,
    monotonic: () => nowMs,
    schedule: (delayMs, run) => {
      const one = { atMs: nowMs + delayMs, run }
      due.add(one)
      return () => void due.delete(one)
    },
    to: (next) => {
      nowMs = next
      for (const one of [...due].filter(({ atMs }) => atMs <= nowMs)) if (due.delete(one)) one.run()
    },
  }
}

const bye = (client: WireClient) => client.messages.find((message) => message.type === 'bye')

async function ended(client: WireClient): Promise<string> {
  await client.until(() => client.closedWith !== null)
  return `${client.closedWith} ${bye(client)?.code}`
}

describe('signing in', () => {
  const relay = startRelay(
    table({
      reader: signIn('rea', whole('read')),
      writer: signIn('wri', whole('write')),
      stranger: signIn('str', []),
      outside: new TidemarkError('relay/forbidden', 'not your space'),
      broken: new Error('the directory is down') as TidemarkError,
      nobody: signIn('', whole('write')),
      late: signIn('lat', whole('write'), 5),
    }),
  )

  test.each([
    ['an unknown token', 'x', `${closeCodes.signedOut} relay/signed-out`],
    ['no token', '', `${closeCodes.signedOut} relay/signed-out`],
    ['a token that has ended', 'late', `${closeCodes.signedOut} relay/signed-out`],
    ['a token without a user', 'nobody', `${closeCodes.signedOut} relay/signed-out`],
    ['a user without any grant', 'stranger', `${closeCodes.forbidden} relay/forbidden`],
    ['a user of another space', 'outside', `${closeCodes.forbidden} relay/forbidden`],
    ['a directory that is down', 'broken', `${closeCodes.busy} relay/busy`],
  ])('with %s ends the connection', async (_, token, code) => {
    expect(await ended(connect(relay, { token }))).toBe(code)
  })

  test('a reader reads, and is refused a push without losing the connection', async () => {
    const [writer, reader] = [connect(relay, { token: 'writer' }), connect(relay, { token: 'reader' })]
    expect((await reader.welcomed()).access).toBe('read')
    await writer.welcomed()
    writer.push('note/1', textUpdate('hello', 1))
    await reader.until(() => reader.state.documents.has('note/1'))
    const n = reader.push('note/1', textUpdate('no', 2))
    await reader.until(() => reader.refused.has(n))
    expect([reader.refused.get(n), reader.closedWith]).toEqual(['relay/forbidden', null])
  })
})

describe('a sign-in', () => {
  test('ends with its time, at once', async () => {
    const clock = testClock()
    const relay = startRelay(table({ a: signIn('ann', whole('write'), 9_000) }), { clock })
    const ann = connect(relay, { token: 'a' })
    expect((await ann.welcomed()).expiresAtMs).toBe(9_000)
    clock.to(8_999)
    await settle()
    expect(ann.closedWith).toBeNull()
    clock.to(9_000)
    expect(await ended(ann)).toBe(`${closeCodes.signedOut} relay/signed-out`)
  })

  test('goes on with another token of the same user, and only of that one', async () => {
    const clock = testClock()
    const relay = startRelay(
      table({ a: signIn('ann', whole('read'), 9_000), b: signIn('ann', whole('write'), 20_000), other: signIn('bob', whole('write')) }),
      { clock },
    )
    const ann = connect(relay, { token: 'a' })
    await ann.welcomed()
    ann.send({ type: 'token', token: 'b' })
    await ann.until(() => ann.messages.some((message) => message.type === 'access'))
    expect(ann.messages.find((message) => message.type === 'access')).toMatchObject({ access: 'write', grants: '', expiresAtMs: 20_000 })
    clock.to(10_000)
    const n = ann.push('note/1', textUpdate('late', 1))
    await ann.until(() => ann.isAcked(n))
    ann.send({ type: 'token', token: 'other' })
    expect(await ended(ann)).toBe(`${closeCodes.signedOut} relay/signed-out`)
  })

  test('that is worth less takes effect at once, for what is on its way too', async () => {
    let access: PrefixGrant['access'] = 'write'
    const relay = startRelay(() => signIn('ann', whole(access)))
    const ann = connect(relay)
    await ann.welcomed()
    const first = ann.push('note/1', textUpdate('a', 1))
    await ann.until(() => ann.isAcked(first))
    access = 'read'
    relay.recheck('somebody else')
    relay.recheck('ann')
    await ann.until(() => ann.messages.some((message) => message.type === 'access'))
    const second = ann.push('note/1', textUpdate('b', 2))
    await ann.until(() => ann.refused.has(second))
    access = 'none'
    relay.recheck()
    expect(await ended(ann)).toBe(`${closeCodes.forbidden} relay/forbidden`)
  })
})

describe('grants by prefix', () => {
  const documents = ['a/1', 'a/2', 'b/1', 'b/2', 'c/1']
  const choices: readonly (readonly PrefixGrant[])[] = [
    whole('read'),
    [{ prefix: 'a/', access: 'read' }],
    [{ prefix: 'b/', access: 'write' }],
    [...whole('read'), { prefix: 'b/', access: 'none' }],
    [
      { prefix: 'a/', access: 'read' },
      { prefix: 'c/', access: 'read' },
    ],
  ]
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ type: fc.constant('write' as const), name: fc.constantFrom(...documents) }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('grants' as const), to: fc.nat(choices.length - 1) }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('break' as const), credit: fc.integer({ min: 1, max: 60 }) }) },
    { weight: 2, arbitrary: fc.constant({ type: 'hold' as const }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('take' as const), count: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('compact' as const), name: fc.constantFrom(...documents) }) },
  )
  const limits = fc.record({
    maxRingItems: fc.integer({ min: 1, max: 4 }),
    maxPageItems: fc.integer({ min: 1, max: 3 }),
    maxLiveLag: fc.integer({ min: 1, max: 20 }),
  })

  test('[P3] [P5] a reader is never sent what it may not see, and ends with all that it may, whatever changed on the way', async () => {
    await fc.assert(
      fc.asyncProperty(limits, fc.array(step, { minLength: 5, maxLength: 50, size: 'max' }), async (limits, steps) => {
        let grants = choices[0] as readonly PrefixGrant[]
        const log = createMemoryLog({ random: systemRandom })
        const relay = startRelay(({ token }) => signIn(token, token === 'reader' ? grants : whole('write')), { log, limits })
        const writer = connect(relay, { token: 'writer' })
        await writer.welcomed()
        const state = createReplicaState()
        const open = (credit: number): WireClient & { readonly line: Line } => connect(relay, { state, credit, token: 'reader' })
        let reader = open(50)
        await reader.welcomed()
        let clientId = 0
        let maySee = new Set<string>()
        const seen = (): void => {
          const visible = documents.filter(
            (name) =>
              grants.toSorted((a, b) => b.prefix.length - a.prefix.length).find(({ prefix }) => name.startsWith(prefix))?.access !==
                'none' && grants.some(({ prefix }) => name.startsWith(prefix)),
          )
          maySee = new Set([...maySee, ...visible])
        }
        seen()
        for (const one of steps) {
          if (one.type === 'write') {
            const n = writer.push(one.name, textUpdate(`${++clientId} `, clientId))
            await writer.until(() => writer.isAcked(n))
            await settle()
          } else if (one.type === 'grants') {
            grants = choices[one.to] as readonly PrefixGrant[]
            seen()
            relay.recheck('reader')
            await settle()
          } else if (one.type === 'hold') reader.line.isHeld = true
          else if (one.type === 'take') {
            reader.line.take(one.count)
            await settle()
          } else if (one.type === 'compact') await log.compact('acme', one.name)
          else {
            reader.line.cut(1006)
            await reader.until(() => reader.closedWith !== null)
            reader = open(one.credit)
            await settle()
          }
          for (const name of state.documents.keys()) expect(maySee).toContain(name)
        }
        reader.line.cut(1006)
        await reader.until(() => reader.closedWith !== null)
        reader = open(1 << 20)
        const last = writer.push('c/1', textUpdate('end', ++clientId))
        await writer.until(() => writer.isAcked(last))
        const isVisible = (name: string): boolean =>
          (grants.toSorted((a, b) => b.prefix.length - a.prefix.length).find(({ prefix }) => name.startsWith(prefix))?.access ?? 'none') !==
          'none'
        const expected = async (): Promise<boolean> => {
          for (const name of documents.filter(isVisible)) {
            const loaded = await log.load('acme', name)
            if (loaded === null) continue
            const own = reader.doc(name).getText('t').toString()
            const full = connect(relay, { token: 'writer' })
            await full.until(() => full.state.documents.has(name))
            if (full.doc(name).getText('t').toString() !== own) return false
            full.line.cut(1000)
          }
          return true
        }
        for (let turns = 0; turns < 200 && !(await expected()); turns++) await settle()
        expect(await expected()).toBe(true)
        await relay.close()
      }),
      { numRuns: 60 },
    )
  }, 60_000)

  test('[P5] that widen bring only what became visible, once, and do not repeat the rest', async () => {
    let grants: PrefixGrant[] = [{ prefix: 'a/', access: 'read' }]
    const relay = startRelay(({ token }) => signIn(token, token === 'reader' ? grants : whole('write')))
    const writer = connect(relay, { token: 'writer' })
    await writer.welcomed()
    for (const [i, name] of documents.entries()) writer.push(name, textUpdate('x'.repeat(1_000), i + 1))
    await writer.until(() => writer.isAcked(documents.length))
    const reader = connect(relay, { token: 'reader' })
    await reader.until(() => reader.state.documents.size === 2)
    expect([...reader.state.documents.keys()]).toEqual(['a/1', 'a/2'])
    const before = reader.receivedBytes
    grants = [...grants, { prefix: 'b/', access: 'read' }]
    relay.recheck()
    await reader.until(() => reader.state.documents.size === 4)
    expect(reader.receivedBytes - before).toBeLessThan(2_300)
    expect([...reader.state.documents.values()].map((updates) => updates.length)).toEqual([1, 1, 1, 1])
    // And what follows is live, under the new grants.
    const n = writer.push('b/1', textUpdate('later', 99))
    await writer.until(() => writer.isAcked(n))
    await reader.until(() => reader.state.documents.get('b/1')?.length === 2)
    expect(reader.state.documents.has('c/1')).toBe(false)
  })

  test('show a stock client only the documents that they name', async () => {
    const relay = startRelay(({ token }) => signIn('ann', token === 'good' ? [{ prefix: 'a/', access: 'read' }] : []))
    const closes: number[] = []
    const dial = (document: string, token: string): void => {
      const handlers = relay.connectStock(
        { send: () => undefined, close: (code) => closes.push(code), bufferedBytes: 0 },
        { space: 'acme', document },
        { token },
      )
      handlers.open()
    }
    dial('a/1', 'good')
    await settle()
    expect(closes).toEqual([])
    dial('b/1', 'good')
    dial('a/1', 'bad')
    await settle()
    expect(closes).toEqual([closeCodes.forbidden, closeCodes.forbidden])
  })
})
