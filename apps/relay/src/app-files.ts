/** What an app gives its relay in files: the guard of its critical fields, hooks, webhooks. */
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { TidemarkError } from '@tidemark/base'
import type { RelayHooks, WebhookOptions } from '@tidemark/relay'
import { type GuardFile, parseGuardFile } from '@tidemark/schema'

const wrong = (what: string, cause?: unknown): TidemarkError => new TidemarkError('relay/config', what, { cause })

export function readGuard(path: string): GuardFile {
  try {
    return parseGuardFile(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    const why = cause instanceof TidemarkError ? cause.message : 'it cannot be read as JSON'
    throw wrong(`--guard ${path} is no guard file: ${why}`, cause)
  }
}

const hookNames = ['onConnect', 'beforeCommit', 'afterCommit', 'onDisconnect', 'arbitrate'] as const

/** @throws {TidemarkError} `relay/config` when the module cannot be loaded, or exports something else. */
export async function loadHooks(path: string): Promise<RelayHooks> {
  let hooks: unknown
  try {
    hooks = ((await import(pathToFileURL(path).href)) as { readonly default?: unknown }).default
  } catch (cause) {
    throw new TidemarkError('relay/config', `--hooks ${path} cannot be loaded: ${String(cause)}`, { cause })
  }
  const names: readonly string[] = hookNames
  const entries = typeof hooks === 'object' && hooks !== null ? Object.entries(hooks) : []
  if (entries.length > 0 && entries.every(([name, hook]) => names.includes(name) && typeof hook === 'function')) return hooks as RelayHooks
  throw new TidemarkError('relay/config', `--hooks ${path} has functions by the names of ${hookNames.join(', ')} as its default export`)
}

/** What an address and a secret are, `createWebhooks` knows. */
export function readWebhooks(path: string): readonly WebhookOptions[] {
  let list: unknown
  try {
    list = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new TidemarkError('relay/config', `--webhooks ${path} cannot be read as JSON`, { cause })
  }
  if (Array.isArray(list) && list.every(isWebhook)) return list
  throw wrong(`--webhooks ${path} is no list of { "url", "secret" } with perhaps "name", "spaces", "prefix" and "updates"`)
}

function isWebhook(value: unknown): value is WebhookOptions {
  const { url, secret, name, spaces, prefix, updates } = (value ?? {}) as Record<string, unknown>
  const isText = (one: unknown): boolean => typeof one === 'string'
  const isOptional = (one: unknown, test: (given: unknown) => boolean): boolean => one === undefined || test(one)
  return (
    isText(url) &&
    isText(secret) &&
    [name, prefix].every((one) => isOptional(one, isText)) &&
    isOptional(spaces, (one) => Array.isArray(one) && one.every(isText)) &&
    isOptional(updates, (one) => typeof one === 'boolean')
  )
}
