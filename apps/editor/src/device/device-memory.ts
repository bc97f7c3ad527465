/**
 * What this device remembers about its user: who they are, and whether they want to work offline.
 *
 * Where the browser refuses `localStorage`, it lasts as long as the tab.
 */
import { z } from 'zod'
import { friendlyName } from './friendly-name.ts'

export interface DeviceUser {
  readonly id: string
  readonly name: string
}

const userSchema = z.object({ id: z.string().min(1).max(64) })
const keys = { user: 'fieldbook.user', offline: 'fieldbook.offline' } as const
const fallback = new Map<string, string>()

function read(key: string): string | null {
  try {
    return localStorage.getItem(key) ?? fallback.get(key) ?? null
  } catch {
    // reason: a browser that blocks site data throws here; the tab's own memory is then all there is.
    return fallback.get(key) ?? null
  }
}

function write(key: string, value: string): void {
  fallback.set(key, value)
  try {
    localStorage.setItem(key, value)
  } catch {
    // reason: see above; the value stands in `fallback` already.
  }
}

/** The user of this device; made up at the first visit. */
export function deviceUser(): DeviceUser {
  const stored = parseUser(read(keys.user))
  if (stored !== null) return stored
  const id = crypto.getRandomValues(new Uint32Array(4)).reduce((text, word) => text + word.toString(36), 'u')
  write(keys.user, JSON.stringify({ id }))
  return named(id)
}

// The name is never stored: it must be the one that others see.
const named = (id: string): DeviceUser => ({ id, name: friendlyName(id) })

function parseUser(text: string | null): DeviceUser | null {
  try {
    return named(userSchema.parse(JSON.parse(text ?? 'null')).id)
  } catch {
    // reason: nothing stored, or nothing that we stored; a new user is made up.
    return null
  }
}

export const wantsOffline = (): boolean => read(keys.offline) === 'yes'

export const rememberOffline = (wanted: boolean): void => write(keys.offline, wanted ? 'yes' : 'no')
