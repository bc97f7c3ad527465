import { commitContract } from './contract/commits.ts'
import type { CreateHarness } from './contract/harness.ts'
import { heldBackContract } from './contract/held-back.ts'
import { modelContract } from './contract/model.ts'
import { recordContract } from './contract/records.ts'

export type { CreateHarness, InjectedFault, StoreHarness } from './contract/harness.ts'

/**
 * What every `LocalStore` must do; an adapter's own test file calls this and adds its faults.
 *
 * `createHarness` is called for each test and gives a database system of its own. `runs` bounds the
 * random sequences of batches. Each scenario runs again for each of its writes, which fails then.
 */
export function localStoreContract(name: string, createHarness: CreateHarness, { runs }: { readonly runs: number }): void {
  commitContract(name, createHarness)
  recordContract(name, createHarness)
  heldBackContract(name, createHarness)
  modelContract(name, createHarness, runs)
}
