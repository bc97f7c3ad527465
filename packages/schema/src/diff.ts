/**
 * The difference of two short texts, word by word, for people who decide between them.
 *
 * Longest common subsequence over words and spaces. Texts of critical fields are short (`limits.criticalBytes`); longer
 * ones are compared as a whole once their product passes `maxCells`, so that it never takes long.
 */

/** A run of the two texts: in both, only in the first, or only in the second. */
export interface DiffPart {
  readonly kind: 'same' | 'removed' | 'added'
  readonly text: string
}

const maxCells = 4_000_000

/** What changed from `before` to `after`. Joined without the added parts it is `before`, without the removed ones `after`. */
export function diffText(before: string, after: string): readonly DiffPart[] {
  const a = words(before)
  const b = words(after)
  if (a.length * b.length > maxCells) return join([...run('removed', [before]), ...run('added', [after])])
  const lengths = table(a, b)
  const width = b.length + 1
  const parts: DiffPart[] = []
  let [i, j] = [0, 0]
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      parts.push({ kind: 'same', text: a[i++] as string })
      j++
    } else if ((lengths[(i + 1) * width + j] as number) >= (lengths[i * width + j + 1] as number)) {
      parts.push({ kind: 'removed', text: a[i++] as string })
    } else parts.push({ kind: 'added', text: b[j++] as string })
  }
  return join([...parts, ...run('removed', a.slice(i)), ...run('added', b.slice(j))])
}

const words = (text: string): string[] => text.match(/[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu) ?? []

/** Cell [i, j] is the length of what the ends of `a` from i and of `b` from j have in common. */
function table(a: readonly string[], b: readonly string[]): Uint16Array {
  const width = b.length + 1
  const lengths = new Uint16Array((a.length + 1) * width)
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const below = lengths[(i + 1) * width + j] as number
      const right = lengths[i * width + j + 1] as number
      lengths[i * width + j] = a[i] === b[j] ? (lengths[(i + 1) * width + j + 1] as number) + 1 : Math.max(below, right)
    }
  }
  return lengths
}

const run = (kind: DiffPart['kind'], texts: readonly string[]): DiffPart[] => texts.map((text) => ({ kind, text }))

function join(parts: readonly DiffPart[]): readonly DiffPart[] {
  const joined: DiffPart[] = []
  for (const part of parts) {
    const last = joined.at(-1)
    if (last?.kind === part.kind) joined[joined.length - 1] = { kind: part.kind, text: last.text + part.text }
    else joined.push(part)
  }
  return Object.freeze(joined)
}
