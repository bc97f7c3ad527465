/**
 * A test of the contract, run once as it is and then once for each of its writes, which fails then.
 *
 * The database refuses that one write; whoever committed commits again, before anything later, as the port asks of
 * its callers. What the scenario says must hold even so: nothing of the failed commit may have been stored, and
 * nothing of the repeated one may count twice.
 */
import { TidemarkError } from '@tidemark/base'
import { test } from 'vitest'
import type { LocalStore } from '../../src/local-store.ts'
import type { InjectedFault, StoreHarness } from './harness.ts'

/** Of a scenario with more writes than this, further ones fail at growing distances. */
const maxFaults = 40

interface Run {
  /** The number of the write that fails; null for none. */
  readonly number: number | null
  fault: InjectedFault | null
  readonly ends: (() => unknown)[]
}

let current: Run | null = null

export function scenario(title: string, body: () => Promise<void>): void {
  test(title, async () => {
    await runOnce(null, body)
    let writes = 1
    while ((await runOnce(writes, body)) && writes < maxFaults) writes++
    // Long scenarios are not cut off at their first writes.
    for (let step = 1; writes === maxFaults && (await runOnce(maxFaults + step, body)); step *= 2);
  })
}

/** A scenario that runs once: it injects faults of its own, or runs many worlds. */
export function once(title: string, body: () => Promise<void>): void {
  test(title, async () => {
    await runOnce(null, body)
  })
}

/** Whether the write of that number was made, so that it failed. */
async function runOnce(number: number | null, body: () => Promise<void>): Promise<boolean> {
  const run: Run = { number, fault: null, ends: [] }
  current = run
  try {
    await body()
    return run.fault?.hit ?? false
  } catch (error) {
    if (number !== null) throw new Error(`when write ${number} fails: ${(error as Error).message}`, { cause: error })
    throw error
  } finally {
    run.fault?.lift()
    for (const end of run.ends) await end()
    current = null
  }
}

/** Arms the run's fault in the first database system that it makes. */
export function armed(harness: StoreHarness): StoreHarness {
  if (current !== null && current.number !== null && current.fault === null) current.fault = harness.failWrite(current.number, 'store/full')
  return harness
}

/** Opens a store that is closed at the end of the run; in a run with a fault, opens and commits again what the fault stopped. */
export async function openInRun(open: () => Promise<LocalStore>): Promise<LocalStore> {
  const run = current
  if (run === null) throw new Error('a store of the contract is opened within a scenario')
  const store = await open().catch((error: unknown) => {
    // Opening may write too, such as the keys of a sealed database.
    if (run.fault?.hit !== true) throw error
    return open()
  })
  run.ends.push(() => store.close())
  return run.number === null ? store : committingAgain(store, run)
}

function committingAgain(store: LocalStore, run: Run): LocalStore {
  let last: Promise<unknown> = Promise.resolve()
  const commit: LocalStore['commit'] = (batch) => {
    const committed = last.then(async () => {
      const wasHit = run.fault?.hit ?? false
      try {
        return await store.commit(batch)
      } catch (error) {
        if (wasHit || run.fault?.hit !== true || !(error instanceof TidemarkError) || error.code !== 'store/full') throw error
        return await store.commit(batch)
      }
    })
    last = committed.catch(() => undefined)
    return committed
  }
  return new Proxy(store, {
    get(target, key) {
      if (key === 'commit') return commit
      // A commit that waits for its turn here was made all the same.
      if (key === 'close') return () => last.then(() => target.close())
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
