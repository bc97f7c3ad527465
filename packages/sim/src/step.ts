/**
 * The area's notation: one step is `+120 a1 set report/d0 {"title":"x"}`, a scenario is steps in a row.
 *
 * `+ms` is the virtual time since the step before it; without one it is 0. `who` is a device (`a`), a tab on it
 * (`a1`), or `relay`. Then a verb and its arguments: bare words, numbers and JSON. Steps are separated by line
 * breaks or `;`.
 */
import type { Json } from '@tidemark/store'

export interface Step {
  readonly afterMs: number
  readonly who: string
  readonly verb: string
  readonly args: readonly Json[]
}

const word = /^[A-Za-z][A-Za-z0-9_/.-]*$/
const reserved = new Set(['true', 'false', 'null'])

export function formatStep({ afterMs, who, verb, args }: Step): string {
  const spelled = args.map((arg) => (typeof arg === 'string' && word.test(arg) && !reserved.has(arg) ? arg : JSON.stringify(arg)))
  return [...(afterMs > 0 ? [`+${afterMs}`] : []), who, verb, ...spelled].join(' ')
}

export const formatSteps = (steps: readonly Step[]): string => steps.map(formatStep).join('; ')

/** @throws {SyntaxError} when a step lacks who or verb, or an argument is neither a word nor JSON. */
export function parseSteps(notation: string): Step[] {
  return split(notation, (char) => char === ';' || char === '\n')
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map(parseStep)
}

function parseStep(text: string): Step {
  const tokens = split(text, (char) => char === ' ').filter((token) => token !== '')
  const delay = /^\+(\d+)$/.exec(tokens[0] ?? '')
  const [who, verb, ...args] = delay === null ? tokens : tokens.slice(1)
  if (who === undefined || verb === undefined) throw new SyntaxError(`a step is "[+ms] who verb …", not ${JSON.stringify(text)}`)
  return { afterMs: Number(delay?.[1] ?? 0), who, verb, args: args.map(parseArgument) }
}

function parseArgument(token: string): Json {
  if (word.test(token) && !reserved.has(token)) return token
  try {
    return JSON.parse(token) as Json
  } catch (error) {
    throw new SyntaxError(`${token} is neither a word nor JSON`, { cause: error })
  }
}

/** Splits outside of JSON strings. */
function split(text: string, isSeparator: (char: string) => boolean): string[] {
  const parts: string[] = []
  let part = ''
  let isInString = false
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string
    if (isInString && char === '\\') part += text[i++]
    else if (char === '"') isInString = !isInString
    if (!isInString && isSeparator(char)) {
      parts.push(part)
      part = ''
    } else part += text[i]
  }
  return [...parts, part]
}
