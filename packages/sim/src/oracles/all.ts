/** All oracles. Those of the settling itself stand in `settle.ts`, the app's own in `rules.ts`. */
import { boundOracles } from './bounds.ts'
import { convergenceOracles } from './convergence.ts'
import { durabilityOracles } from './durability.ts'
import { fieldOracles } from './fields.ts'
import type { Oracle } from './oracle.ts'

export const oracles: readonly Oracle[] = [...durabilityOracles, ...convergenceOracles, ...fieldOracles, ...boundOracles]
