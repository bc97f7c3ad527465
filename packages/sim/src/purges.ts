/**
 * An operator who erases documents for good, and does it again until the relay has said that it is done.
 *
 * From the moment that somebody wants a document gone, the other accounts pass over it; what must be then is
 * `oracles/purges.ts`'s matter.
 */
import { spaceName } from './relay-host.ts'
import type { World } from './world.ts'

export class Purges {
  readonly #world: World
  readonly #wanted = new Set<string>()
  readonly #done = new Set<string>()

  constructor(world: World) {
    this.#world = world
  }

  /** The documents that somebody wanted gone. */
  get documents(): readonly string[] {
    return [...this.#wanted]
  }

  has(document: string): boolean {
    return this.#wanted.has(document)
  }

  /** Whether the relay has still to say so of one. */
  get isOpen(): boolean {
    return this.#done.size < this.#wanted.size
  }

  /** Erases a document; where the relay cannot, or dies over it, that stays to be done. */
  purge(document: string): void {
    this.#wanted.add(document)
    const { relay } = this.#world.relay
    relay?.purge(spaceName, document, 'operator').then(
      () => this.#done.add(document),
      (error: unknown) => this.#world.note(`${document} could not be purged: ${String(error)}`),
    )
  }

  /** What an operator does once all is well: what was not done, or that nobody knows of, is done again. */
  again(): void {
    for (const document of this.#wanted) if (!this.#done.has(document)) this.purge(document)
  }
}
