/**
 * What people show of themselves, by tab and document, and what each tab sees there of the others.
 */
import type { Entity, EntityAwareness } from '@tidemark/client'
import type { Fields } from '@tidemark/schema'
import type { Tab } from './device.ts'

type State = ReturnType<EntityAwareness['getLocalState']>

/** Stands in everything that is shown, and nowhere else. */
export const presenceMark = '@here-'

/** One tab in one document, as it is now. */
export interface PresenceView {
  readonly tab: Tab
  readonly document: string
  readonly client: number
  readonly own: State
  /** What was said there last; undefined where that was nothing yet. */
  readonly said: State | undefined
  /** The others by client id. */
  readonly others: ReadonlyMap<number, NonNullable<State>>
}

interface Place {
  readonly awareness: EntityAwareness
  said: State | undefined
}

export class PresenceLedger {
  readonly #places = new Map<Tab, Map<string, Place>>()
  readonly #sees: (tab: Tab) => void

  /** `sees` is called when a tab sees that others come, go or change. */
  constructor(sees: (tab: Tab) => void) {
    this.#sees = sees
  }

  /** The awareness of an open entity, of which is noted what is said next. */
  say(tab: Tab, document: string, entity: Entity<Fields>, say: (awareness: EntityAwareness) => void): void {
    const { awareness } = entity
    const places = this.#places.get(tab) ?? new Map<string, Place>()
    this.#places.set(tab, places)
    let place = places.get(document)
    if (place?.awareness !== awareness) {
      place = { awareness, said: undefined }
      places.set(document, place)
      awareness.on('change', (_changes, origin) => void (origin === 'local' || this.#sees(tab)))
    }
    say(awareness)
    place.said = awareness.getLocalState()
  }

  /** Every tab that is in a document and was not closed since. */
  views(): readonly PresenceView[] {
    return [...this.#places].flatMap(([tab, places]) =>
      [...places].flatMap(([document, { awareness, said }]): PresenceView[] => {
        // A document that was closed and opened again is another one, in which nothing was said.
        if (!tab.life.isAlive || tab.isClosing || tab.entities.get(document)?.doc !== awareness.doc) return []
        const { clientID: client } = awareness
        const others = new Map([...awareness.getStates()].filter(([id]) => id !== client))
        return [{ tab, document, client, own: awareness.getLocalState(), said, others }]
      }),
    )
  }
}
