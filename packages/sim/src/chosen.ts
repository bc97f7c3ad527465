/**
 * Devices whose space has opened documents only, and which documents those are.
 *
 * Each such device has some that its person works in; the others come only when somebody opens them by name. Now and then
 * the app's next version has the whole space there, or chosen documents again: tabs of one device always agree, so that
 * happens when the last of them is gone.
 */
import type { Write } from './device-disk.ts'
import { type Dice, seededDice } from './dice.ts'

export type Scope = 'space' | 'opened'

export interface ChosenOptions {
  readonly seed: number
  readonly devices: readonly string[]
  readonly documents: readonly string[]
  /** Whether this run has any such device. */
  readonly isOn: boolean
}

interface Choice {
  readonly dice: Dice
  scope: Scope
  wasOpen: boolean
  /** What the person works in when nobody else asks. */
  readonly usual: ReadonlySet<string>
  /** What was ever opened or created on the device, or came with the whole space. */
  readonly asked: Set<string>
}

/** How often a device that is opened anew has another scope than before. */
const changeShare = 0.1

export class ChosenDocuments {
  readonly #options: ChosenOptions
  readonly #choices = new Map<string, Choice>()

  constructor(options: ChosenOptions) {
    this.#options = options
    const { seed, devices, documents, isOn } = options
    if (!isOn) return
    const drawn = devices.filter((_, i) => seededDice(seed, `chosen ${i}`).chance(0.4))
    // Somebody has the whole space, so that there is something to be passed over.
    const chosen = drawn.length === 0 ? devices.slice(-1) : drawn.slice(0, Math.max(1, devices.length - 1))
    for (const name of chosen) {
      const dice = seededDice(seed, `choice ${name}`)
      const some = documents.filter(() => dice.chance(0.5))
      const usual = new Set(some.length === 0 ? documents.slice(0, 1) : some)
      this.#choices.set(name, { dice, usual, scope: 'opened', wasOpen: false, asked: new Set() })
    }
  }

  /** What the device's next tab opens its space with; `isFirst` where it is the only one. */
  opens(device: string, isFirst: boolean): Scope {
    const choice = this.#choices.get(device)
    if (choice === undefined) return 'space'
    if (isFirst && choice.wasOpen && choice.dice.chance(changeShare)) choice.scope = choice.scope === 'space' ? 'opened' : 'space'
    choice.wasOpen = true
    if (choice.scope === 'space') for (const document of this.#options.documents) choice.asked.add(document)
    return choice.scope
  }

  isOf(device: string): boolean {
    return this.#choices.get(device)?.scope === 'opened'
  }

  /** Somebody opens or creates the document on the device. */
  ask(device: string, document: string): void {
    this.#choices.get(device)?.asked.add(document)
  }

  /** Whether the device's person works in the document without having been sent there. */
  worksIn(device: string, document: string): boolean {
    const choice = this.#choices.get(device)
    return choice === undefined || choice.usual.has(document) || choice.asked.has(document)
  }

  /** Whether the document may be on the device. */
  mayHave(device: string, document: string): boolean {
    const choice = this.#choices.get(device)
    return choice === undefined || choice.asked.has(document)
  }

  /** The devices that a change of the document passes over. */
  passedOver(document: string): readonly string[] {
    return [...this.#choices].flatMap(([name, { scope, asked }]) => (scope === 'opened' && !asked.has(document) ? [name] : []))
  }
}

/** The documents that a transaction stores anything of. */
export const storedOf = (writes: readonly Write[]): readonly string[] =>
  writes.flatMap((write) => (write.type === 'record' ? [write.record.name] : write.type === 'row' ? [write.row.name] : []))
