/**
 * The names of what was purged, in a file beside the database: one line of JSON each.
 *
 * Why it exists: a backup that is older than a purge holds what was purged, and a device that was offline may hand it back. The
 * database knows its own purges; this file outlives the database's restore.
 *
 * Invariants
 * 1. A name is on stable storage here before its purge is.
 * 2. A line that was cut off in writing was never acknowledged: it is passed over, and cut away by the next one.
 */
import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { TidemarkError } from '@tidemark/base'

/** Its name in the data directory, unless it stands elsewhere. */
export const tombstonesFile = 'purged.jsonl'

export interface Tombstone {
  readonly space: string
  readonly document: string
}

export interface TombstoneFile {
  /** @throws {TidemarkError} `relay/config` when the file cannot be read or holds something else. */
  read(): readonly Tombstone[]
  /** Durable when it returns; those that stand there already are passed over. */
  add(stones: readonly Tombstone[]): void
}

export function openTombstones(path: string): TombstoneFile {
  return {
    read: () => parse(path, contentOf(path)),
    add: (stones) => {
      if (stones.length > 0) append(path, stones)
    },
  }
}

function append(path: string, stones: readonly Tombstone[]): void {
  const whole = wholeLines(contentOf(path))
  const known = new Set(whole.split('\n'))
  const lines = stones.map(({ space, document }) => JSON.stringify({ space, document })).filter((line) => !known.has(line))
  if (lines.length === 0) return
  const file = openSync(path, 'a')
  try {
    ftruncateSync(file, Buffer.byteLength(whole))
    writeSync(file, lines.map((line) => `${line}\n`).join(''))
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  // A new file is only there for good with its directory's entry.
  if (whole === '') syncDirectory(dirname(path))
}

export function syncDirectory(path: string): void {
  if (process.platform === 'win32') return
  const directory = openSync(path, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw new TidemarkError('relay/config', `the tombstones in ${path} cannot be read: ${String(cause)}`, { cause })
  }
}

const wholeLines = (text: string): string => text.slice(0, text.lastIndexOf('\n') + 1)

function parse(path: string, text: string): Tombstone[] {
  const lines = wholeLines(text).split('\n').slice(0, -1)
  return lines.map((line, i) => {
    const stone = readLine(line)
    if (stone === null) throw new TidemarkError('relay/config', `line ${i + 1} of ${path} is no tombstone: ${line.slice(0, 100)}`)
    return stone
  })
}

function readLine(line: string): Tombstone | null {
  try {
    const { space, document } = JSON.parse(line) as Partial<Tombstone>
    return typeof space === 'string' && typeof document === 'string' ? { space, document } : null
  } catch {
    // reason: whatever is wrong with it, the answer names the line.
    return null
  }
}
