/** Every planted bug. One more is one more entry in one of these lists. */
import { appBugs } from './in-app.ts'
import { deviceBugs } from './in-devices.ts'
import { hookBugs } from './in-hooks.ts'
import { logBugs } from './in-log.ts'
import { platformBugs } from './in-platform.ts'
import { sourceBugs } from './in-source.ts'
import { storeBugs } from './in-store.ts'
import { othersBugs } from './others.ts'
import type { PlantedBug } from './planted.ts'

export const plantedBugs: readonly PlantedBug[] = [
  ...logBugs,
  ...storeBugs,
  ...platformBugs,
  ...appBugs,
  ...sourceBugs,
  ...deviceBugs,
  ...hookBugs,
  ...othersBugs,
]
