/** A real device as a process: its database a SQLite file, its orders and answers messages of its parent. */
import { sqliteStore } from '@tidemark/store/sqlite'
import { type Order, openRealDevice } from './device.ts'

const { name, url, directory, documents } = JSON.parse(process.argv[2] as string) as {
  name: string
  url: string
  directory: string
  documents: string[]
}
const say = (message: object): void => void process.send?.(message)

const device = await openRealDevice({
  name,
  url,
  documents,
  store: sqliteStore({ directory }),
  promised: (promised) => say({ promised }),
  failed: (failed) => say({ failed }),
})
process.on('message', async ({ id, order }: { id: number; order: Order }) => say({ id, answer: await device.obey(order) }))
process.on('disconnect', () => process.exit(0))
say({ id: 0 })
