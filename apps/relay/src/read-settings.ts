/**
 * Settings out of flags, the environment, a file and defaults: what is said nearer to the start of this list counts.
 *
 * Invariants
 * 1. What is not known is an error that names the nearest that is, wherever it stands.
 * 2. A secret comes from a file of its own or the environment, never from a flag; nothing here prints one.
 */
import { readFileSync } from 'node:fs'
import { TidemarkError } from '@tidemark/base'
import { closest, distance } from 'fastest-levenshtein'
import { limitDefaults, parseLimit, parseSetting, type Settings, serveSettings, type Values } from './settings.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Where a value comes from. */
export type Source = 'flag' | 'environment' | 'file' | 'default'

export interface ReadSettings<S extends Settings> {
  readonly values: Values<S>
  readonly sources: Readonly<Record<keyof S, Source>>
  /** Bounds that were set. */
  readonly limits: ReadonlyMap<string, number>
}

/** What the command line gave: by key, as the parser left it. */
export type Flags = Readonly<Record<string, unknown>>

const prefix = 'TIDEMARK_RELAY_'
const limitPrefix = `${prefix}LIMIT_`
const configKey = `${prefix}CONFIG`

/** `maxRoots` and `updateRate.burst` as they stand in the environment. */
export const environmentName = (key: string): string => prefix + snake(key)
const snake = (key: string): string => key.replace('.', '_').replace(/[A-Z]/g, '_$&').toUpperCase()
export const flagName = (key: string): string => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

const wrong = (what: string, cause?: unknown): TidemarkError => new TidemarkError('relay/config', what, { cause })

/** Whatever settings a command has, one file and one environment may hold those of all. */
const everyKey = Object.keys(serveSettings)

/** @throws {TidemarkError} `relay/config`, in one line that says what to do. */
export function readSettings<S extends Settings>(table: S, flags: Flags, environment: Environment): ReadSettings<S> {
  checkEnvironment(environment)
  const path = (flags.config as string | undefined) ?? environment[configKey]
  const file = path === undefined ? {} : readFile(path)
  const values: Record<string, unknown> = {}
  const sources: Record<string, Source> = {}
  for (const [key, setting] of Object.entries(table)) {
    const name = environmentName(key)
    const given: readonly (readonly [Source, unknown, string])[] = [
      ['flag', flags[key], flagName(key)],
      ['environment', environment[name], name],
      ['file', file[key], `"${key}" in ${path}`],
    ]
    const [source, value, place] = given.find(([, one]) => one !== undefined) ?? (['default', undefined, ''] as const)
    sources[key] = source
    values[key] = source === 'default' ? setting.otherwise : parseSetting(setting, value, place)
  }
  // reason: each key of the table was given a value of its kind above.
  return {
    values: values as Values<S>,
    sources: sources as Record<keyof S, Source>,
    limits: readLimits(flags, environment, file, path ?? ''),
  }
}

function readLimits(flags: Flags, environment: Environment, file: Readonly<Record<string, unknown>>, path: string): Map<string, number> {
  const limits = new Map<string, number>()
  const set = (name: string, value: unknown, place: string): void => {
    if (!limitDefaults.has(name)) throw unknown('limit', name, [...limitDefaults.keys()], place)
    limits.set(name, parseLimit(name, value, `${place}: ${name}`))
  }
  for (const [name, value] of flattened(file.limits ?? {}, path)) set(name, value, path)
  for (const name of limitDefaults.keys()) {
    const value = environment[limitPrefix + snake(name)]
    if (value !== undefined) set(name, value, limitPrefix + snake(name))
  }
  for (const text of (flags.limit as readonly string[] | undefined) ?? []) {
    const [, name = '', value = ''] = /^([\w.]+)=(.*)$/.exec(text) ?? []
    if (name === '') throw wrong(`--limit takes NAME=NUMBER, not ${JSON.stringify(text)}`)
    set(name, value, '--limit')
  }
  return limits
}

function flattened(value: unknown, path: string): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(`"limits" in ${path} is an object of numbers`)
  return Object.entries(value).flatMap(([name, inner]): [string, unknown][] =>
    typeof inner === 'object' && inner !== null
      ? Object.entries(inner).map(([last, figure]) => [`${name}.${last}`, figure])
      : [[name, inner]],
  )
}

function readFile(path: string): Readonly<Record<string, unknown>> {
  let file: unknown
  try {
    file = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw wrong(`the configuration file ${path} cannot be read as JSON: ${cause instanceof Error ? cause.message : cause}`, cause)
  }
  if (typeof file !== 'object' || file === null || Array.isArray(file)) throw wrong(`the configuration file ${path} is not an object`)
  for (const key of Object.keys(file)) {
    if (key === 'limits') continue
    if (!everyKey.includes(key)) throw unknown('setting', key, everyKey, path)
    if (isSecret(key))
      throw wrong(`"${key}" in ${path}: a secret stands in a file of its own, which "${key}File" names, or in the environment`)
  }
  return file as Record<string, unknown>
}

function checkEnvironment(environment: Environment): void {
  const known = [configKey, ...everyKey.map(environmentName), ...[...limitDefaults.keys()].map((name) => limitPrefix + snake(name))]
  for (const name of Object.keys(environment)) {
    if (name.startsWith(prefix) && !known.includes(name)) throw unknown('variable', name, known, 'the environment')
  }
}

export const isSecret = (key: string): boolean => (serveSettings as Settings)[key]?.isSecret === true

/** At how many letters apart a name is no longer taken for a slip of another. */
const maxSlips = 6

function unknown(what: string, name: string, known: readonly string[], place: string): TidemarkError {
  const near = closest(name, [...known])
  return wrong(`${place}: there is no ${what} ${name}${distance(name, near) <= maxSlips ? `; do you mean ${near}?` : ''}`)
}

/** A secret, out of the file that is named or the environment; null without one. @throws {TidemarkError} `relay/config`. */
export function readSecret(file: string | null, inEnvironment: string | null, flag: string): string | null {
  if (file === null) return inEnvironment
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (cause) {
    throw wrong(`${flag} ${file} cannot be read`, cause)
  }
}

/** Everything that is set, and from where; secrets only by that they are. */
export function printable<S extends Settings>({ values, sources, limits }: ReadSettings<S>): object {
  const settings = Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      key,
      { value: isSecret(key) && value !== null ? '(redacted)' : value, from: sources[key as keyof S] },
    ]),
  )
  const all = [...limitDefaults].map(([name, value]) => [name, limits.get(name) ?? value])
  return { settings, limits: Object.fromEntries(all) }
}
