import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { dial } from '../../../packages/relay/test/network.ts'
import { createReplicaState, textUpdate, type WireClient } from '../../../packages/relay/test/wire-client.ts'
import { startRelay } from './relay-process.ts'

const directory = mkdtempSync(join(tmpdir(), 'tidemark-fsync-'))
const library = join(directory, 'failing-fsync.so')

/** Compiles what makes a sync fail; null where there is no compiler, or no way to preload. */
function compiled(): string | null {
  if (process.platform !== 'linux') return null
  const source = fileURLToPath(new URL('./fsync/failing-fsync.c', import.meta.url))
  try {
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', library, source, '-ldl'], { stdio: 'ignore' })
    return library
  } catch {
    // reason: without a compiler the test says that it was skipped.
    return null
  }
}

const settled = (client: WireClient, n: number): Promise<void> =>
  client.until(() => client.isAcked(n) || client.refused.has(n) || client.closedWith !== null)

test('[P2] a sync that fails below SQLite is never taken for success, and a new incarnation begins', async (context) => {
  const preloaded = compiled()
  if (preloaded === null) return context.skip('this needs Linux and a C compiler (cc)')
  const flag = join(directory, 'fail')
  const data = join(directory, 'data')
  const serve = ['serve', '--port', '0', '--data', data, '--allow-anonymous']
  const relay = await startRelay(serve, undefined, { LD_PRELOAD: preloaded, TIDEMARK_FAIL_SYNC: flag })
  const state = createReplicaState()
  const ann = dial(relay.url, { state })
  const before = await ann.welcomed()
  const good = [1, 2, 3].map((client) => ann.push('note/1', textUpdate(`good${client} `, client)))
  await settled(ann, good.at(-1) as number)
  expect(ann.isAcked(good.at(-1) as number)).toBe(true)

  writeFileSync(flag, '')
  const lost = ann.push('note/1', textUpdate('lost ', 4))
  await settled(ann, lost)
  // Neither acknowledged nor refused: whether it was stored nobody knows, so the session ends.
  expect([ann.isAcked(lost), ann.refused.size, ann.closedWith]).toEqual([false, 0, 1013])
  expect(ann.messages.at(-1)).toMatchObject({ type: 'bye', code: 'relay/log-failed' })
  // While it lasts nothing is acknowledged to anybody.
  const ben = dial(relay.url)
  await ben.until(() => ben.welcome !== null || ben.closedWith !== null)
  const alsoLost = ben.push('note/2', textUpdate('lost too ', 5))
  if (ben.closedWith === null) await settled(ben, alsoLost)
  expect(ben.isAcked(alsoLost)).toBe(false)
  rmSync(flag)

  const back = dial(relay.url, { state })
  const after = await back.welcomed()
  expect(after.incarnation).not.toBe(before.incarnation)
  const again = [back.push('note/1', textUpdate('lost ', 4)), back.push('note/1', textUpdate('new ', 6))]
  await settled(back, again.at(-1) as number)
  expect(back.isAcked(again.at(-1) as number)).toBe(true)
  expect(relay.log()).toContain('the log did not take a batch')
  await relay.end('SIGKILL')

  const plain = await startRelay(serve)
  const reader = dial(plain.url)
  const { head } = await reader.welcomed()
  await reader.until(() => reader.state.cursor?.seq === head)
  const words = reader.doc('note/1').getText('t').toString().split(' ').filter(Boolean).sort()
  expect(words).toEqual(['good1', 'good2', 'good3', 'lost', 'new'])
  await plain.end('SIGTERM')
  rmSync(directory, { recursive: true })
}, 60_000)
