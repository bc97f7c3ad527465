/** Checks that no source file has outgrown its room. */
import { read, sourceFiles } from './files.ts'

export const maxLines = 400

export function checkSize(): string[] {
  const files = sourceFiles(['.ts', '.tsx', '.mjs', '.css']).filter((file) => !file.includes('/data/'))
  return files.flatMap((file) => {
    const lines = read(file).split('\n').length - 1
    return lines > maxLines ? [`${file} has ${lines} lines; ${maxLines} are the cap`] : []
  })
}
