/** Bugs in what devices of one space differ in: the documents that they have. */
import { inSource } from './in-source.ts'
import type { PlantedBug } from './planted.ts'

export const deviceBugs: readonly PlantedBug[] = [
  inSource(
    'a device of chosen documents is sent all that is committed',
    ['chosen'],
    'P5 only chosen documents are sent',
    'relay/src/feed.ts',
    'if (this.#chosen === null) return seen\n',
    'return seen\n',
  ),
  inSource(
    'a device of chosen documents catches up with all of them',
    ['chosen', 'offline'],
    'P5 only chosen documents are sent',
    'relay/src/feed.ts',
    'return chosen === null ? seen : seen.filter(({ document }) => chosen.has(document))',
    'return seen',
  ),
  inSource(
    'what is made where documents are chosen counts as all that there is of it',
    ['chosen'],
    'P3 databases converge',
    'client/src/saver.ts',
    'document.known === 0 ? [',
    'document.known < 0 ? [',
  ),
  inSource(
    'a connection that comes back names one chosen document too few',
    ['chosen', 'cut'],
    'P3 databases converge',
    'client/src/sync/agreement.ts',
    'chosen.slice(0, wireLimits.maxScopeDocuments)',
    'chosen.slice(1, wireLimits.maxScopeDocuments)',
  ),
  inSource(
    'what is opened where documents are chosen comes once, and no change of it behind it',
    ['chosen'],
    'P3 databases converge',
    'relay/src/feed.ts',
    'this.#chosen.add(document)',
    '',
  ),
]
