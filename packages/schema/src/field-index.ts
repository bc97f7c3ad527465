/**
 * The entries of one field as they come and go, and which of them nothing supersedes.
 *
 * An entry names what it supersedes; how often a key is named by entries that stand here is counted, so that an entry
 * becomes a head again when the last that named it goes.
 */
import type { KnownEntry } from './entry.ts'
import type { Register } from './register.ts'

/** One field, kept up to date entry by entry. */
export class FieldIndex {
  readonly #entries = new Map<string, KnownEntry>()
  readonly #heads = new Set<KnownEntry>()
  /** By key: how many names of entries here it is, whether or not it stands here itself. */
  readonly #named = new Map<string, number>()
  #isChanged = true

  /** Whether `take` would give something else than the last time. */
  get isChanged(): boolean {
    return this.#isChanged
  }

  /** The register as it is now; `null` when nothing is left of it. */
  take(): Register | null {
    this.#isChanged = false
    return this.#entries.size === 0 ? null : { entries: [...this.#entries.values()], heads: [...this.#heads] }
  }

  /** Adds an entry; `false`, and nothing happens, when its identity is taken. */
  add(entry: KnownEntry): boolean {
    if (this.#entries.has(entry.key)) return false
    this.#isChanged = true
    this.#entries.set(entry.key, entry)
    for (const name of entry.names) {
      this.#named.set(name, (this.#named.get(name) ?? 0) + 1)
      const superseded = this.#entries.get(name)
      if (superseded !== undefined) this.#heads.delete(superseded)
    }
    if (!this.#named.has(entry.key)) this.#heads.add(entry)
    return true
  }

  /** Takes an entry out, if it is the one that stands here under its identity. */
  remove(entry: KnownEntry): void {
    if (this.#entries.get(entry.key) !== entry) return
    this.#isChanged = true
    this.#entries.delete(entry.key)
    this.#heads.delete(entry)
    for (const name of entry.names) {
      const count = (this.#named.get(name) ?? 0) - 1
      if (count > 0) {
        this.#named.set(name, count)
        continue
      }
      this.#named.delete(name)
      const returning = this.#entries.get(name)
      if (returning !== undefined) this.#heads.add(returning)
    }
  }
}
