import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readArchive } from '@tidemark/store/archive'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { dial } from '../../../packages/relay/test/network.ts'
import { textUpdate } from '../../../packages/relay/test/wire-client.ts'
import { createCommandLine, endOf } from '../src/command-line.ts'
import { type RelayProcess, startRelay } from './relay-process.ts'

const secret = 'an admin secret of thirty-two bytes or more'
let root = ''
let relay: RelayProcess | null = null

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tidemark-cli-'))
  mkdirSync(join(root, 'backups'))
  writeFileSync(join(root, 'admin'), `${secret}\n`)
})

afterEach(async () => {
  await relay?.end('SIGTERM')
  relay = null
  rmSync(root, { recursive: true })
})

const path = (name: string): string => join(root, name)

/** Runs a command in this process; gives what it printed, or the line that it failed with, and its exit code. */
async function run(...args: readonly string[]): Promise<{ readonly said: string; readonly code: number }> {
  let said = ''
  const out = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said += String(text)
    return true
  })
  process.exitCode = 0
  try {
    const fail = (error: unknown): never => {
      throw error
    }
    await createCommandLine({ environment: {}, fail }).parseAsync([...args], { from: 'user' })
    return { said, code: Number(process.exitCode) }
  } catch (error) {
    const { code, line } = endOf(error)
    return { said: line, code }
  } finally {
    process.exitCode = 0
    out.mockRestore()
  }
}

async function write(url: string, names: readonly string[]): Promise<void> {
  const ada = dial(url, { space: 'acme' })
  await ada.welcomed()
  const pushed = names.map((name, i) => ada.push(name, textUpdate(`text of ${name}`, i + 1)))
  await ada.until(() => pushed.every((n) => ada.isAcked(n)))
  ada.ws.close()
}

const start = (): Promise<RelayProcess> =>
  startRelay([
    '--port',
    '0',
    '--data',
    path('data'),
    '--allow-anonymous',
    '--admin-secret-file',
    path('admin'),
    '--backups',
    path('backups'),
  ])

test('an operator looks into a running relay, copies it, and changes it through its admin API', async () => {
  relay = await start()
  await write(relay.url, ['note/1', 'note/2'])
  const data = ['--data', path('data')]
  expect(await run('list', ...data)).toMatchObject({ code: 0, said: expect.stringMatching(/acme +2 +0 +2 /) })
  expect(JSON.parse((await run('list', 'acme', '--json', ...data)).said)).toMatchObject([{ document: 'note/1' }, { document: 'note/2' }])
  expect((await run('inspect', 'acme', 'note/1', ...data)).said).toContain('anonymous (push): 1')
  expect(await run('verify', ...data)).toMatchObject({
    code: 0,
    said: expect.stringContaining('sound: full check of 1 spaces, 2 documents'),
  })
  expect((await run('backup', path('one.sqlite'), ...data)).code).toBe(0)
  expect(await run('purge', 'acme', 'note/2', '--yes', ...data)).toMatchObject({ code: 1, said: expect.stringContaining('--url') })
  expect(await run('restore', path('one.sqlite'), '--force', ...data)).toMatchObject({ code: 1, said: expect.stringContaining('in use') })

  const remote = ['--url', relay.url, '--admin-secret-file', path('admin')]
  expect((await run('list', ...remote)).said).toMatch(/acme +2 /)
  expect(await run('inspect', 'acme', 'none', ...remote)).toMatchObject({ code: 1, said: expect.stringContaining('admin/not-found') })
  expect((await run('backup', 'two.sqlite', ...remote)).code).toBe(0)
  expect(readdirSync(path('backups'))).toEqual(['two.sqlite'])
  expect(await run('purge', 'acme', 'note/2', ...remote)).toMatchObject({ code: 1, said: expect.stringContaining('--yes') })
  expect((await run('purge', 'acme', 'note/2', '--yes', ...remote)).code).toBe(0)
  expect((await run('compact', 'acme', ...remote)).said).toBe('1 documents compacted\n')
  expect((await run('export', 'acme', 'note/1', '--to', path('note.bin'), ...remote)).code).toBe(0)
  expect((await run('import', path('note.bin'), '--space', 'acme', '--document', 'note/3', ...remote)).code).toBe(0)
  expect((await run('verify', '--quick', ...remote)).code).toBe(0)
  expect((await run('list', '--url', 'http://127.0.0.1:9', '--admin-secret-file', path('admin'))).said).toContain('relay/unreachable')
  expect((await run('list', '--url', relay.url)).said).toContain('--admin-secret-file')
  writeFileSync(path('wrong'), 'another secret of thirty-two bytes or more')
  expect((await run('list', '--url', relay.url, '--admin-secret-file', path('wrong'))).said).toContain('admin/unauthorized')
})

test('without a relay an archive goes out and into another space, and a backup is put back without losing what it replaces', async () => {
  relay = await start()
  await write(relay.url, ['note/1', 'note/2', 'list/1'])
  await relay.end('SIGTERM')
  relay = null
  const data = ['--data', path('data')]
  expect((await run('export', 'acme', '--prefix', 'note/', '--to', path('acme.archive'), ...data)).said).toContain('2 documents')
  expect((await run('export', 'acme', '--to', path('acme.archive'), ...data)).said).toContain('overwrites nothing')
  const names: string[] = []
  for await (const record of readArchive(new Blob([readFileSync(path('acme.archive'))]).stream())) {
    if (record.type === 'document') names.push(record.document.name)
  }
  expect(names).toEqual(['note/1', 'note/2'])
  expect((await run('backup', path('b.sqlite'), ...data)).code).toBe(0)
  expect((await run('purge', 'acme', 'note/2', '--yes', ...data)).code).toBe(0)
  expect(await run('import', path('acme.archive'), ...data)).toEqual({
    code: 1,
    said: 'note/2: relay/purged: note/2 was purged\n1 documents handed on, 1 refused\n',
  })
  expect((await run('import', path('acme.archive'), '--space', 'other', ...data)).code).toBe(0)
  expect((await run('restore', path('b.sqlite'), ...data)).said).toContain('--force')
  const restored = await run('restore', path('b.sqlite'), '--force', '--json', ...data)
  const { replaced } = JSON.parse(restored.said) as { replaced: string }
  expect(existsSync(replaced)).toBe(true)
  // What was purged after the backup is purged again as soon as somebody opens the log.
  expect((await run('verify', ...data)).code).toBe(1)
  expect((await run('compact', 'acme', ...data)).code).toBe(0)
  expect((await run('verify', ...data)).code).toBe(0)
  expect((await run('list', 'acme', ...data)).said).toMatch(/note\/2 .*purged/)
  writeFileSync(path('cut.archive'), readFileSync(path('acme.archive')).subarray(0, 60))
  expect(await run('import', path('cut.archive'), ...data)).toMatchObject({ code: 1, said: expect.stringContaining('archive/invalid') })
  expect((await run('import', path('admin'), ...data)).said).toContain('--space and --document')
})
