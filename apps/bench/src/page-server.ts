/** Serves one bundled script on a page of its own, on 127.0.0.1; every `*.localhost` name reaches it. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

export interface PageServer {
  readonly port: number
  close(): void
}

export const chromiumArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export const chromiumPath = (): string => process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'

/** Bundles `entry`, a TypeScript module, as an app's build would, and serves it. */
export async function servePage(entry: URL): Promise<PageServer> {
  const script = await bundle(fileURLToPath(entry))
  const server = createServer((request, response) => {
    const isScript = request.url === '/page.js'
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? script : '<!doctype html><title>page</title><script type="module" src="/page.js"></script>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() }
}

async function bundle(entry: string): Promise<string> {
  const outputs = await build({
    configFile: false,
    logLevel: 'warn',
    root: fileURLToPath(new URL('.', import.meta.url)),
    build: {
      write: false,
      target: 'es2024',
      lib: { entry, formats: ['es'], fileName: 'page' },
      rolldownOptions: { output: { codeSplitting: false } },
    },
  })
  const [first] = Array.isArray(outputs) ? outputs : [outputs]
  const chunk = (first as { output: readonly { type: string; code?: string }[] }).output.find(({ type }) => type === 'chunk')
  if (chunk?.code === undefined) throw new Error(`${entry} gave no script`)
  return chunk.code
}
