/** What a planted bug is: a port wrapper, an entity, or shipped source, with a mistake that somebody could make. */
import type { Faults, SimulationOptions } from '../../src/index.ts'

export type Plant = () => Pick<SimulationOptions, 'ports' | 'entities' | 'actions' | 'rules'>

export interface PlantedBug {
  readonly name: string
  /** The profile under which it shows; what a user would name. */
  readonly faults: Faults
  /** The oracle that must be among those that catch it; null where that was left to chance, as by somebody who has not read them. */
  readonly oracle: string | null
  /** Takes more seeds than a run on each change has; `npm run planted` hunts it. */
  readonly isRare?: boolean
  /** Fresh wrappers for one run. */
  readonly plant?: Plant
  /** A place in shipped source and what stands there instead; see `source-patch.ts`. */
  readonly source?: SourcePatch
}

export interface SourcePatch {
  /** Below the repository's root, such as `packages/client/src/sync/pusher.ts`. */
  readonly file: string
  /** Stands exactly once in the file. */
  readonly find: string
  readonly replace: string
}
