/** The process that attacks: what it sends, and the work of making it, is not the relay's. Told of one attack after the other. */
import { setPriority } from 'node:os'
import { dial } from '../network.ts'
import { textUpdate } from '../wire-client.ts'
import { attacks } from './attacks.ts'
import { sessionAttacks } from './session-attacks.ts'

/** What it is told. */
export interface Order {
  readonly url: string
  readonly name: string
  /** `before`: what an attack has to have written before; `victim`: what an honest client has. */
  readonly part: 'victim' | 'before' | 'run'
}

/** What it says when it is done. */
export interface Done {
  readonly pushes: number
  readonly bytes: number
  readonly refused: number
}

const nothing: Done = { pushes: 0, bytes: 0, refused: 0 }

async function obey({ url, name, part }: Order): Promise<Done> {
  if (part === 'victim') return victim(url)
  const session = sessionAttacks.find((one) => one.name === name)
  if (session !== undefined) {
    await (part === 'before' ? session.before?.(url) : session.run(url))
    return nothing
  }
  const attack = attacks.find((one) => one.name === name)
  return attack === undefined ? nothing : pushAll(url, attack.pushes())
}

async function victim(url: string): Promise<Done> {
  const ann = dial(url)
  await ann.welcomed()
  const hello = ann.push('note/1', textUpdate('hello', 1))
  await ann.until(() => ann.isAcked(hello))
  ann.close()
  return nothing
}

async function pushAll(url: string, pushes: readonly Uint8Array[]): Promise<Done> {
  const ann = dial(url)
  await ann.welcomed()
  for (let from = 0; from < pushes.length && ann.closedWith === null; from += 200) {
    for (const update of pushes.slice(from, from + 200)) ann.push('note/1', update)
    const after = ann.push('note/2', textUpdate('x', 10 + from))
    await ann.until(() => ann.isAcked(after) || ann.closedWith !== null)
  }
  ann.close()
  return { pushes: pushes.length, bytes: pushes.reduce((sum, { length }) => sum + length, 0), refused: ann.refused.size }
}

// The relay comes first where there are not enough processors for both.
setPriority(10)
process.on('message', (order: Order) => {
  obey(order).then(
    (done) => process.send?.(done),
    (error) => {
      process.stderr.write(`${order.name}: ${error instanceof Error ? error.stack : String(error)}\n`)
      process.exit(1)
    },
  )
})
