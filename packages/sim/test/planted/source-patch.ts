/**
 * Plants a bug in shipped source: the file is changed while Node loads it, in this thread only, and nothing is written.
 *
 * To be called before anything of Tidemark is imported.
 */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { SourcePatch } from './planted.ts'

const root = new URL('../../../../', import.meta.url)

/** @throws {Error} when the text does not stand exactly once in the file: the bug would not be planted. */
export function patchSource({ file, find, replace }: SourcePatch): void {
  const { href } = new URL(file, root)
  const text = readFileSync(fileURLToPath(href), 'utf8')
  if (text.split(find).length !== 2) throw new Error(`${JSON.stringify(find)} stands ${text.split(find).length - 1} times in ${file}`)
  registerHooks({
    load: (url, context, nextLoad) => {
      const loaded = nextLoad(url, context)
      return url.split('?', 1)[0] === href ? { ...loaded, source: text.replace(find, () => replace) } : loaded
    },
  })
}
