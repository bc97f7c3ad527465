import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verifyWebhook, type WebhookMessage } from '@tidemark/relay'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { dial } from '../../../packages/relay/test/network.ts'
import { textUpdate } from '../../../packages/relay/test/wire-client.ts'
import { type RelayProcess, runRelay, startRelay } from './relay-process.ts'

let directory = ''
let relay: RelayProcess | null = null

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tidemark-hooks-'))
})
afterEach(async () => {
  await relay?.end('SIGKILL')
  relay = null
  rmSync(directory, { recursive: true, force: true })
})

const file = (name: string, text: string): string => {
  writeFileSync(join(directory, name), text)
  return join(directory, name)
}

test('the program asks a module of hooks and tells an address of what changed', async () => {
  const secret = `whsec_${Buffer.from('a secret of at least 24 bytes').toString('base64')}`
  const told = Promise.withResolvers<WebhookMessage>()
  const receiver = createServer(async (request: IncomingMessage, response) => {
    const body = (await request.setEncoding('utf8').toArray()).join('')
    told.resolve(verifyWebhook(secret, request.headers, body, Date.now()))
    response.writeHead(204).end()
  })
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`
  const hooks = file(
    'hooks.mjs',
    `export default { beforeCommit: ({ document }) => (document === 'note/closed' ? { refuse: 'it is closed' } : undefined) }`,
  )
  const webhooks = file('webhooks.json', JSON.stringify([{ url, secret }]))
  const data = join(directory, 'data')
  relay = await startRelay(['--port', '0', '--data', data, '--allow-anonymous', '--hooks', hooks, '--webhooks', webhooks])
  const ann = dial(relay.url)
  await ann.welcomed()
  const refused = ann.push('note/closed', textUpdate('no', 1))
  const taken = ann.push('note/open', textUpdate('yes', 2))
  await ann.until(() => ann.isAcked(taken) && ann.refused.has(refused))
  expect(ann.refused.get(refused)).toBe('relay/refused')
  expect(await told.promise).toMatchObject({ space: 'acme', documents: [{ document: 'note/open', principal: 'anonymous' }] })
  receiver.closeAllConnections()
  receiver.close()
})

test.each([
  ['--hooks', 'export default { onConect: () => undefined }', /functions by the names of onConnect, /],
  ['--hooks', 'import "./missing.mjs"', /cannot be loaded/],
  ['--webhooks', '{}', /no list of/],
  ['--webhooks', '[{ "url": "https://x", "secret": "short" }]', /the secret of a webhook/],
])('%s with %s is refused in one line', async (option, text, what) => {
  const path = file(`wrong-${Math.abs(text.length)}${option === '--hooks' ? '.mjs' : '.json'}`, text)
  const { code, stderr } = await runRelay(['--port', '0', '--data', join(directory, 'd'), '--allow-anonymous', option, path])
  expect(code).toBe(1)
  expect(stderr.trim().split('\n').at(-1)).toMatch(what)
})
