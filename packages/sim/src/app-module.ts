/**
 * What an app brings to the command line: a module that exports its entities, and if it likes its actions, rules,
 * values and port wrappers.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { EntityDefinition } from '@tidemark/schema'
import type { SimulationOptions } from './simulate.ts'

export type AppOptions = Pick<SimulationOptions, 'entities' | 'actions' | 'rules' | 'values' | 'hooks' | 'ports'>

/**
 * Reads the module at `path`. Every export made by `defineEntity` is an entity; `actions`, `rules`, `values`,
 * `hooks` and `ports` are taken by name; `plant`, when there is one, is called for fresh options before each run.
 *
 * @throws {TypeError} when the module exports no entity.
 */
export async function readApp(path: string | null): Promise<() => AppOptions> {
  if (path === null) return () => ({})
  const module = (await import(pathToFileURL(resolve(path)).href)) as Record<string, unknown>
  const entities = Object.values(module).filter(isEntity)
  const { plant } = module
  const named = Object.fromEntries(
    ['actions', 'rules', 'values', 'hooks', 'ports'].flatMap((key) => (key in module ? [[key, module[key]]] : [])),
  )
  if (entities.length === 0 && typeof plant !== 'function') throw new TypeError(`${path} exports nothing that defineEntity made`)
  const options = { ...(entities.length === 0 ? {} : { entities }), ...named } as AppOptions
  return typeof plant === 'function' ? () => ({ ...options, ...(plant as () => AppOptions)() }) : () => options
}

const isEntity = (value: unknown): value is EntityDefinition =>
  typeof value === 'object' &&
  value !== null &&
  'type' in value &&
  'fields' in value &&
  typeof (value as { attach?: unknown }).attach === 'function'
