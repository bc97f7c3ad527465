import { defineEntity, latest, type Space } from '@tidemark/client'
import { SpaceProvider, SyncStatus, useQuery, useSpace } from '@tidemark/react'
import { z } from 'zod'

export const Item = defineEntity('item', {
  version: 1,
  fields: { name: latest(z.string().min(1).max(80)), isBought: latest(z.boolean().default(false)) },
})

/** A list that everybody in the space shares, with or without a network. */
export function ShoppingList({ space }: { readonly space: Space }) {
  return (
    <SpaceProvider space={space}>
      <h1>Shopping</h1>
      <NewItem />
      <Items />
      <SyncStatus />
    </SpaceProvider>
  )
}

function NewItem() {
  const space = useSpace()
  const add = async (form: FormData): Promise<void> => void (await space.create(Item, { name: String(form.get('name')) }))
  return (
    <form action={add}>
      <input name="name" aria-label="What is missing" required />
      <button type="submit">Add</button>
    </form>
  )
}

function Items() {
  const { rows, isLoaded } = useQuery(Item, { orderBy: (a, b) => Number(a.value.isBought) - Number(b.value.isBought) })
  if (isLoaded && rows.length === 0) return <p>Nothing is missing.</p>
  return (
    <ul>
      {rows.map((row) => (
        <ShownItem key={row.id} id={row.id} {...row.value} />
      ))}
    </ul>
  )
}

function ShownItem({ id, name, isBought }: { readonly id: string; readonly name: string; readonly isBought: boolean }) {
  const space = useSpace()
  const toggle = async (): Promise<void> => {
    const item = await space.open(Item, id)
    item.set({ isBought: !isBought })
    item.close()
  }
  return (
    <li>
      <label>
        <input type="checkbox" checked={isBought} onChange={toggle} /> {name}
      </label>
    </li>
  )
}
