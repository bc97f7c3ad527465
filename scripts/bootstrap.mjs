#!/usr/bin/env node
/**
 * Runs one of the workspace's scripts on the pinned Node, after installing what is missing.
 *
 * Why it exists: a fresh machine has some Node from 18 on and npm, nothing else. This file is plain
 * JavaScript without dependencies, so that any of those can run it. Whatever it prints goes to standard
 * error: standard output belongs to the script.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const pinnedNode = join(root, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node')
const stampFile = join(root, 'node_modules/.tidemark-installed')
const oldestMajor = 18
const orphanCheckMs = 500
const packageManager = 'pnpm@12.21.0'

const say = (line) => process.stderr.write(`${line}\n`)

/** What the installation depends on: the lockfile and every manifest. */
function fingerprint() {
  const hash = createHash('sha256')
  const files = ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json']
  for (const group of ['packages', 'apps', 'examples']) {
    if (!existsSync(join(root, group))) continue
    for (const name of readdirSync(join(root, group)).sort()) files.push(`${group}/${name}/package.json`)
  }
  for (const file of files) if (existsSync(join(root, file))) hash.update(file).update(readFileSync(join(root, file)))
  return hash.digest('hex')
}

function install() {
  const expected = fingerprint()
  if (existsSync(pinnedNode) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === expected) return
  say(`Installing the workspace with ${packageManager} (the first time takes about half a minute)…`)
  const isWindows = process.platform === 'win32'
  const { status, error } = spawnSync('npx', ['--yes', packageManager, 'install', '--frozen-lockfile'], {
    cwd: root,
    stdio: ['ignore', process.stderr, process.stderr],
    shell: isWindows,
  })
  if (error !== undefined || status !== 0) {
    say(`The installation failed${error ? `: ${error.message}` : ''}. It needs npm and the package registry; what went wrong stands above.`)
    process.exit(1)
  }
  mkdirSync(dirname(stampFile), { recursive: true })
  writeFileSync(stampFile, expected)
}

function run(script, args) {
  const env = {
    ...process.env,
    PATH: `${join(root, 'node_modules/.bin')}${process.platform === 'win32' ? ';' : ':'}${process.env.PATH ?? ''}`,
  }
  const child = spawn(pinnedNode, ['--disable-warning=ExperimentalWarning', join(root, script), ...args], { stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  // npm passes a signal to the shell between us, which dies of it without passing it on: then we are orphans.
  const { ppid } = process
  setInterval(() => process.ppid !== ppid && child.kill('SIGTERM'), orphanCheckMs).unref()
  child.on('error', (error) => {
    say(`Could not start ${script}: ${error.message}`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
}

const [script, ...args] = process.argv.slice(2)
if (Number(process.versions.node.split('.')[0]) < oldestMajor) {
  say(`Tidemark needs Node ${oldestMajor} or later to start; this is ${process.version}. Install a newer one from your system's packages.`)
  process.exit(1)
}
install()
run(script, args)
