/**
 * Bugs planted by people who have not read the oracles.
 *
 * To plant one: choose a line of shipped source, and add it here as
 * `{ name: 'what goes wrong, in words', faults: ['relay-kill', 'offline'], oracle: null, source: { file, find, replace } }`,
 * where `faults` is the trouble in which a user would meet it (`'none'` for any day). Then
 * `npm run planted -- --only 'what goes wrong'` says after how many seeds which oracle caught it.
 */
import type { PlantedBug } from './planted.ts'

export const othersBugs: readonly PlantedBug[] = []
