/**
 * A stranger with nothing but the README: deploys with a secret, connects two clients, looks at the metrics, backs up, loses the
 * data directory, restores, and the clients carry on.
 *
 * The commands are those of the README's section on the relay, word for word but for the port.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { defineEntity, memoryStore, openSpace, richText, type Space, text } from '@tidemark/client'
import { afterEach, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../../..')
const home = mkdtempSync(join(tmpdir(), 'tidemark-stranger-'))
const spaces: Space[] = []
let relay: ChildProcess | null = null
let pid = 0
/** How far the stranger is, for the case that it ends there. */
let stage = ''

afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') {
    const statuses = spaces.map((space) => JSON.stringify(space.status.get()))
    process.stderr.write(`it ended ${stage}\n${statuses.join('\n')}\n`)
  }
  for (const space of spaces.splice(0)) await space.close()
  if (relay !== null) await stop()
  rmSync(home, { recursive: true, force: true })
})

/** The commands of the README's section, in order; what the shell does with them is `run`'s and `start`'s. */
function commands(port: number): string[] {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const section = readme.slice(readme.indexOf('## The relay'), readme.indexOf('## Promises'))
  const lines = [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap((match) => (match[1] as string).trim().split('\n'))
  // npm runs its scripts where the workspace is; the stranger's files stand elsewhere.
  return lines.map((line) =>
    line.replaceAll('./', `${home}/`).replace('> jwt-secret', `> ${home}/jwt-secret`).replaceAll('8787', String(port)),
  )
}

const run = (line: string): string =>
  execFileSync('sh', ['-c', line], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()

async function start(line: string): Promise<string> {
  const child = spawn('sh', ['-c', `exec ${line}`], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  relay = child
  const [said] = await Promise.race([once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line'), once(child, 'exit')])
  if (typeof said !== 'string') throw new Error(`the relay ended with ${said}`)
  const started = JSON.parse(said) as { url: string; pid: number }
  pid = started.pid
  return started.url
}

async function stop(): Promise<void> {
  const child = relay as ChildProcess
  const gone = once(child, 'exit')
  // The relay itself: npm, which started it, ends with it.
  process.kill(pid, 'SIGTERM')
  await gone
  relay = null
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

const Note = defineEntity('note', { version: 1, fields: { title: text(), body: richText() } })

async function connect(url: string, user: string, token: string): Promise<Space> {
  const space = await openSpace({
    name: 'acme',
    user: { id: user },
    entities: [Note],
    store: memoryStore(),
    relay: { url, token: async () => token },
  })
  spaces.push(space)
  return space
}

function until(live: { get(): unknown; subscribe(run: () => void): () => void }, isTrue: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    let stopListening: (() => void) | null = null
    const look = (): void => {
      if (!isTrue()) return
      stopListening?.()
      resolve()
    }
    stopListening = live.subscribe(look)
    look()
  })
}

/** Resolves when the text reads so. An entity tells of its fields; a text tells of itself. */
function untilReads(text: Observed, expected: string): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (text.toString() !== expected) return
      text.unobserve(look)
      resolve()
    }
    text.observe(look)
    look()
  })
}

interface Observed {
  toString(): string
  observe(run: () => void): void
  unobserve(run: () => void): void
}

/** The note, once the space has heard of it. */
async function noteIn(space: Space, id: string) {
  const notes = space.query(Note, {})
  await until(notes, () => notes.rows.some((row) => row.id === id))
  return space.open(Note, id)
}

test('from the README alone: deploy with a secret, two clients, metrics, backup, loss, restore, and the clients carry on', async () => {
  const port = await freePort()
  const [makeSecret = '', serve = '', token = '', backup = '', restore = ''] = commands(port)
  run(makeSecret)
  stage = 'deploying'
  const url = await start(serve)
  expect(url).toBe(`ws://127.0.0.1:${port}`)
  const [ann, bob] = await Promise.all(['ann', 'bob'].map((user) => connect(url, user, run(token.replace('--user ann', `--user ${user}`)))))
  stage = 'connecting'
  const note = await (ann as Space).create(Note, {})
  const write = note.write(() => note.shared.title.insert(0, 'before the backup'))
  await write.confirmed
  stage = 'reading'
  const read = await noteIn(bob as Space, note.id)
  await untilReads(read.shared.title, 'before the backup')

  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  expect(metrics).toMatch(/^tidemark_sessions 2$/m)
  expect(metrics).toMatch(/^tidemark_updates_total [1-9]/m)
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200)

  stage = 'backing up'
  run(backup)
  await note.write(() => note.shared.title.insert(0, 'and after: ')).confirmed
  stage = 'losing the data'
  await stop()
  rmSync(join(home, 'data'), { recursive: true })
  // What is written while there is no relay waits.
  const offline = read.write(() => read.shared.title.insert(read.shared.title.length, ', and without a relay'))
  stage = 'restoring'
  run(restore)
  expect(existsSync(join(home, 'data/relay.sqlite'))).toBe(true)
  await start(serve)
  for (const space of [ann, bob]) space?.sync.retryNow()
  stage = 'carrying on'
  await offline.confirmed
  const expected = 'and after: before the backup, and without a relay'
  await untilReads(note.shared.title, expected)
  await untilReads(read.shared.title, expected)

  // A newcomer, who has nothing of it, gets all of it from the relay: the others have handed on what the backup lacked.
  stage = 'joining'
  const cal = await connect(url, 'cal', run(token.replace('--user ann', '--user cal')))
  const seen = await noteIn(cal, note.id)
  await untilReads(seen.shared.title, expected)
})
