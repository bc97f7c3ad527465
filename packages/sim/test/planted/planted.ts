/** What a planted bug is: a port wrapper, or an entity, with a mistake that somebody could make. */
import type { Faults, SimulationOptions } from '../../src/index.ts'

export interface PlantedBug {
  readonly name: string
  /** The profile under which it shows; what a user would name. */
  readonly faults: Faults
  /** The oracle that must be among those that catch it. */
  readonly oracle: string
  /** Fresh wrappers for one run. */
  plant(): Pick<SimulationOptions, 'ports' | 'entities' | 'actions' | 'rules'>
}
