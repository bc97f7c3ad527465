/** The workspace's own source files, as the checks see them. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Paths from the root of all files that git tracks or would track, with one of these endings. */
export function sourceFiles(endings: readonly string[]): string[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  })
  return listed
    .split('\n')
    .filter((file) => endings.some((ending) => file.endsWith(ending)) && existsSync(join(root, file)))
    .sort()
}

export const read = (file: string): string => readFileSync(join(root, file), 'utf8')
