/** A disk that is made full and free again: a file beside the data that takes all the room there is. */
import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export class Ballast {
  readonly #path: string
  #isThere = false

  constructor(directory: string) {
    this.#path = join(directory, 'ballast')
  }

  get isThere(): boolean {
    return this.#isThere
  }

  fill(): void {
    this.#isThere = true
    const file = openSync(this.#path, 'w')
    for (const bytes of [1 << 20, 65_536, 4_096, 512]) {
      try {
        while (writeSync(file, Buffer.alloc(bytes)) > 0);
      } catch (error) {
        // reason: that there is no room left is what this is for.
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      }
    }
    closeSync(file)
  }

  free(): void {
    this.#isThere = false
    rmSync(this.#path, { force: true })
  }
}

/** A file system of so many bytes, and how to let go of it; null where this process may not mount one. */
export function mountSmall(bytes: number): { readonly directory: string; unmount(): void } | null {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-small-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', directory], { stdio: 'ignore' })
  } catch {
    // reason: only a privileged process on Linux may; who asked says that it cannot be done here.
    rmdirSync(directory)
    return null
  }
  const unmount = (): void => {
    execFileSync('umount', ['-l', directory])
    rmdirSync(directory)
  }
  return { directory, unmount }
}
