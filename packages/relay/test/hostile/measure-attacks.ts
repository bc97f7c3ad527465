/** Each attack made by hand against a relay in this process: what became of it, and the longest that it held the event loop. */
import { systemClock, systemRandom } from '@tidemark/base'
import { createMemoryLog, createRelay, createWorkPool } from '../../src/index.ts'
import { connect, textUpdate } from '../wire-client.ts'
import { type Attack, attacks } from './attacks.ts'
import { watchHold } from './hold.ts'

export interface AttackFigures {
  readonly name: string
  readonly pushes: number
  readonly bytes: number
  readonly refused: number
  readonly heldMs: number
  readonly tookMs: number
}

export async function measureAttacks(only: string, tell: (figures: AttackFigures) => void): Promise<void> {
  for (const attack of attacks) if (attack.name.includes(only)) tell(await measure(attack))
}

async function measure({ name, pushes: make }: Attack): Promise<AttackFigures> {
  const pushes = make()
  const relay = createRelay({
    log: createMemoryLog({ random: systemRandom }),
    clock: systemClock,
    random: systemRandom,
    work: createWorkPool({ clock: systemClock }),
  })
  const ann = connect(relay)
  await ann.welcomed()
  const hello = ann.push('note/1', textUpdate('hello', 1))
  await ann.until(() => ann.isAcked(hello))
  const hold = watchHold()
  const startMs = performance.now()
  for (let from = 0; from < pushes.length; from += 200) {
    let last = 0
    for (const update of pushes.slice(from, from + 200)) {
      last = ann.push('note/1', update)
      // Each in a turn of its own, as from a socket.
      await new Promise((resolve) => setImmediate(resolve))
    }
    const after = ann.push('note/2', textUpdate('x', 10 + from))
    await ann.until(() => ann.isAcked(after) || ann.closedWith !== null)
    if (last === 0 || ann.closedWith !== null) break
  }
  const figures = {
    name,
    pushes: pushes.length,
    bytes: pushes.reduce((sum, { length }) => sum + length, 0),
    refused: ann.refused.size,
    heldMs: hold.longestMs(),
    tookMs: performance.now() - startMs,
  }
  hold.stop()
  await relay.close()
  return figures
}
