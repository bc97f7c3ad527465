/** All oracles. Those of the settling itself stand in `settle.ts`, the app's own in `rules.ts`. */
import { arbitrationOracles } from './arbitration.ts'
import { boundOracles } from './bounds.ts'
import { chosenOracles } from './chosen.ts'
import { collectionOracles } from './collections.ts'
import { convergenceOracles } from './convergence.ts'
import { criticalOracles } from './critical.ts'
import { durabilityOracles } from './durability.ts'
import { fieldOracles } from './fields.ts'
import { fullDiskOracles } from './full-disk.ts'
import { hookOracles } from './hooks.ts'
import type { Oracle } from './oracle.ts'
import { plainOracles } from './plain.ts'
import { presenceOracles } from './presence.ts'
import { purgeOracles } from './purges.ts'
import { refusalOracles } from './refusals.ts'
import { sealedOracles } from './sealed.ts'

export const oracles: readonly Oracle[] = [
  ...durabilityOracles,
  ...convergenceOracles,
  ...fieldOracles,
  ...criticalOracles,
  ...arbitrationOracles,
  ...collectionOracles,
  ...refusalOracles,
  ...hookOracles,
  ...purgeOracles,
  ...fullDiskOracles,
  ...plainOracles,
  ...chosenOracles,
  ...presenceOracles,
  ...sealedOracles,
  ...boundOracles,
]
