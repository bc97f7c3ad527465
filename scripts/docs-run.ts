/**
 * Runs the TypeScript snippets of the documents, so that what a reader copies works.
 *
 * The `ts` fences of a file are one program, in order, run on the pinned Node against a relay of its own:
 * `ws://localhost:4780` in a snippet becomes that relay's address. A fence marked `ts no-run` is skipped.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { read, root, sourceFiles } from './files.ts'

const relayInDocs = 'ws://localhost:4780'
const timeoutMs = 60_000

export async function runDocs(): Promise<{ passed: number; failed: number }> {
  const programs = sourceFiles(['.md']).flatMap((file) => {
    const fences = [...read(file).matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match) => match[1] as string)
    return fences.length === 0 ? [] : [{ file, code: fences.join('\n') }]
  })
  if (programs.length === 0) return { passed: 0, failed: 0 }
  const data = mkdtempSync(join(tmpdir(), 'tidemark-docs-'))
  const { relay, url } = await startRelay(data)
  let failed = 0
  try {
    for (const { file, code } of programs) if (!runProgram(file, code.replaceAll(relayInDocs, url))) failed++
  } finally {
    relay.kill('SIGTERM')
    rmSync(data, { recursive: true, force: true })
  }
  return { passed: programs.length - failed, failed }
}

/** The program stands in the workspace, where its imports are found, and outside `node_modules`, where Node strips no types. */
function runProgram(file: string, code: string): boolean {
  const folder = join(root, '.tidemark/docs')
  mkdirSync(folder, { recursive: true })
  const program = join(folder, `${file.replaceAll('/', '-')}.ts`)
  writeFileSync(program, code)
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', program], {
    cwd: root,
    encoding: 'utf8',
    timeout: timeoutMs,
  })
  if (status !== 0) console.error(`  the snippets of ${file} fail:\n${stdout}${stderr}`)
  return status === 0
}

async function startRelay(data: string): Promise<{ relay: ChildProcess; url: string }> {
  const args = [
    '--disable-warning=ExperimentalWarning',
    join(root, 'apps/relay/src/main.ts'),
    'serve',
    '--port',
    '0',
    '--data',
    data,
    '--allow-anonymous',
  ]
  const relay = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  for await (const line of createInterface({ input: relay.stdout })) {
    return { relay, url: (JSON.parse(line) as { url: string }).url }
  }
  throw new Error('the relay for the documents did not start')
}
