import { indexedDbStore, openSpace } from '@tidemark/client'
import { createRoot } from 'react-dom/client'
import { Item, ShoppingList } from './shopping-list.tsx'

// Without a relay the list stays on this device; `npm start` at the root of the repository starts one on this port.
const space = await openSpace({
  name: 'home',
  user: { id: localStorage.getItem('user') ?? 'me' },
  entities: [Item],
  store: indexedDbStore(),
  relay: { url: 'ws://127.0.0.1:4870' },
})
createRoot(document.getElementById('app') as HTMLElement).render(<ShoppingList space={space} />)
