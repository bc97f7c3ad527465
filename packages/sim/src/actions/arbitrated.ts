/** What people do to fields that the relay answers: they propose. */
import type { ArbitratedValue } from '@tidemark/schema'
import type { Json } from '@tidemark/store'
import { type Action, drawField, withEntity, write } from './action.ts'

const propose: Action = {
  verb: 'propose',
  weight: 4,
  isMixedIn: true,
  draw: (world, dice) => {
    const place = drawField(world, dice, ({ arbitrated }) => arbitrated.keys())
    if (place === null) return null
    const [document, field] = place
    // Few values, so that several people want the same one.
    const wanted = (world.entityOf(document).arbitrated.get(field) ?? []).slice(0, 3)
    return wanted.length === 0 ? null : [document, field, dice.pick(wanted)]
  },
  run: (world, tab, [document, name, value]) => {
    const field = name as string
    withEntity(world, tab, document as string, (entity) => {
      const read = (): ArbitratedValue<Json> => (entity.value as Readonly<Record<string, ArbitratedValue<Json>>>)[field] as never
      const before = read()
      const isVague = entity.syncing
      for (const id of write(world, tab, 'propose', entity, () => entity.set({ [field]: value }))) {
        const [made, after] = [world.ledger.write(id), read()]
        world.emit({ type: 'proposed', write: made, field, value: value as Json, shown: isVague ? null : before, after })
      }
    })
  },
}

export const arbitratedActions: readonly Action[] = [propose]
