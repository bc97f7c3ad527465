/**
 * Bugs planted by people who have not read the oracles.
 *
 * To plant one: choose a line of shipped source, and add it here as
 * `{ name: 'what goes wrong, in words', faults: ['relay-kill', 'offline'], oracle: null, source: { file, find, replace } }`,
 * where `faults` is the trouble in which a user would meet it (`'none'` for any day). Then
 * `npm run planted -- --only 'what goes wrong'` says after how many seeds which oracle caught it.
 */
import type { PlantedBug } from './planted.ts'

export const othersBugs: readonly PlantedBug[] = [
  {
    name: 'what is known already counts as durable, though it is still on its way to the disk',
    faults: ['slow-log', 'cut', 'relay-kill', 'log-crash'],
    oracle: null,
    source: {
      file: 'packages/relay/src/acceptor.ts',
      find: "if (judged.type === 'known') return whenDurable(hot, space.head)",
      replace: "if (judged.type === 'known') return Promise.resolve({ type: 'committed', seq: space.head })",
    },
  },
  {
    name: 'a catch-up that was broken off goes on one document too late',
    isRare: true,
    faults: ['cut', 'offline', 'small-limits'],
    oracle: null,
    source: {
      file: 'packages/relay/src/start.ts',
      find: "const position: Position = common === to ? { mode: 'catch-up', from, to, last }",
      replace: "const position: Position = common === to ? { mode: 'catch-up', from, to, last: last + 1 }",
    },
  },
  {
    name: 'what waits behind a failed commit is forgotten',
    faults: ['log-fails', 'slow-log'],
    oracle: null,
    source: {
      file: 'packages/relay/src/commit-queue.ts',
      find: 'const failed = [...batch, ...later]',
      replace: 'const failed = [...batch]',
    },
  },
  {
    name: 'a replica does not go back to where a restored relay parted from it',
    faults: ['restore'],
    oracle: null,
    source: {
      file: 'packages/client/src/sync/replica.ts',
      find: 'const seq = cursor === null ? beginning : Math.min(welcome.common, cursor.seq)',
      replace: 'const seq = cursor === null ? beginning : cursor.seq',
    },
  },
]
