/**
 * Finds a Chromium for the tests, or installs one.
 *
 * In this order: `CHROMIUM_PATH`, a Chromium or Chrome of the system, Debian's package when this is root.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'chrome']
const places = ['/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium']

/** The path of a browser that can be started. @throws {Error} with one sentence about what to do when there is none. */
export function findOrInstallBrowser(say: (line: string) => void): string {
  const asked = process.env.CHROMIUM_PATH
  if (asked !== undefined && asked !== '') {
    if (isExecutable(asked)) return asked
    throw new Error(`CHROMIUM_PATH names ${asked}, which cannot be started: correct it, or unset it to use the system's browser.`)
  }
  return findInSystem() ?? installFromDebian(say)
}

function findInSystem(): string | undefined {
  const inPath = names.flatMap((name) => (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name)))
  return [...inPath, ...places].find(isExecutable)
}

function installFromDebian(say: (line: string) => void): string {
  const canInstall = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')
  if (canInstall) {
    say('No browser found: installing the Debian package chromium…')
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    for (const args of [
      ['update', '-qq'],
      ['install', '-y', '-qq', '--no-install-recommends', 'chromium'],
    ]) {
      spawnSync('apt-get', args, { stdio: ['ignore', 'ignore', 'inherit'], env })
    }
  }
  const found = findInSystem()
  if (found !== undefined) return found
  throw new Error('The tests need Chromium or Chrome: install one, or set CHROMIUM_PATH to its executable.')
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
