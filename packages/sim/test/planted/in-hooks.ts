/** Bugs in how the relay answers what is proposed, and in how it asks an app's hooks. Imports nothing of Tidemark: see `hunt-worker.ts`. */
import type { PlantedBug } from './planted.ts'

/** Caught within the first seeds, so that they are hunted on each change; `npm run planted` hunts the others too. */
const quick: ReadonlySet<string> = new Set([
  'who proposes too late is accepted too',
  'a hook is asked before the proposal is durable',
  'a value holds as soon as it is proposed',
])

const inSource = (name: string, faults: PlantedBug['faults'], oracle: string, file: string, find: string, replace: string): PlantedBug => ({
  name,
  isRare: !quick.has(name),
  faults,
  oracle,
  source: { file: `packages/${file}`, find, replace },
})

export const hookBugs: readonly PlantedBug[] = [
  inSource(
    'who proposes too late is accepted too',
    ['latency', 'offline'],
    'P4 one proposal is accepted at a time',
    'schema/src/arbiter.ts',
    'isSame(base, current) ? { accept: true } :',
    'isSame(base, current) || base === undefined ? { accept: true } :',
  ),
  inSource(
    'a proposal that its author replaced is answered all the same',
    ['slow-hook'],
    'P4 one proposal is accepted at a time',
    'relay/src/arbitration.ts',
    'const now = hot.guard === null || hot.isPurged ? undefined : intentWaiting(hot.guard, intent.id)',
    'const now = hot.guard === null ? undefined : (intentWaiting(hot.guard, intent.id) ?? waiting)',
  ),
  inSource(
    'what a hook said of one proposal is the answer to another',
    ['slow-hook', 'latency'],
    'P4 one proposal is accepted at a time',
    'relay/src/arbitration.ts',
    'const now = hot.guard === null || hot.isPurged ? undefined : intentWaiting(hot.guard, intent.id)',
    'const [now] = waitingIn(hot)',
  ),
  inSource(
    'a hook is asked before the proposal is durable',
    ['slow-hook', 'slow-log'],
    'P2 a hook is asked about what is durable',
    'relay/src/arbitration.ts',
    '    await durable\n',
    '',
  ),
  inSource(
    'a hook that failed is not asked again',
    ['flaky-hook'],
    'P4 every proposal is answered',
    'relay/src/arbitration.ts',
    'void this.#work(space, document, key, failed)',
    'this.#working.delete(key)',
  ),
  inSource(
    'what waits for a hook is forgotten when the relay is killed',
    ['slow-hook', 'relay-kill'],
    'P4 every proposal is answered',
    'relay/src/arbitration.ts',
    'for (const document of documents) this.#later(space, document)',
    'void documents',
  ),
  inSource(
    'a value holds as soon as it is proposed',
    'none',
    'P4 a proposal does not hold yet',
    'schema/src/arbitrated-reading.ts',
    "heads.filter((head) => head.k === 'accept').at(-1)",
    "heads.filter((head) => head.k === 'accept' || head.k === 'propose').at(-1)",
  ),
  inSource(
    'a refusal is shown to nobody',
    ['latency', 'offline'],
    'P4 every proposal is answered',
    'schema/src/arbitrated-reading.ts',
    "head.k === 'refuse' ? (head.rej ?? [])",
    "head.k === 'refuse' ? []",
  ),
]
