/**
 * `npm run bench:database`: the local database beside y-indexeddb 9 and beside the bound, in one run of one Chromium.
 *
 * Every figure is the median of some rounds in which the contenders take turns.
 */
import { parseArgs } from 'node:util'
import { type BrowserRun, type Setting, startBrowser } from './browser-run.ts'
import { largeDocument } from './large-document.ts'
import type { Measurement } from './page.ts'

const usage = `npm run bench:database -- [--documents 1000,10000] [--rounds 3] [--contenders bare,tidemark,…] [--no-large]`

const { values } = parseArgs({
  options: {
    documents: { type: 'string', default: '1000,10000' },
    rounds: { type: 'string', default: '3' },
    contenders: { type: 'string', default: 'bare,tidemark,tidemark-strict,tidemark-sealed,y-indexeddb' },
    only: { type: 'string', default: '' },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help === true) {
  console.log(usage)
  process.exit(0)
}
const contenders = values.contenders.split(',')
const rounds = Number(values.rounds)
const only = values.only === '' ? null : new Set(values.only.split(','))

/** One line of the report: what was measured, and each contender's figure. */
type Figures = Map<string, number | null>

const report: { readonly name: string; readonly unit: string; readonly figures: Figures }[] = []

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] as number

async function measured(
  name: string,
  unit: string,
  documents: number,
  run: (setting: Setting) => Promise<number | null>,
  times = rounds,
): Promise<void> {
  if (only !== null && ![...only].some((part) => name.includes(part))) return
  const seen = new Map<string, number[]>(contenders.map((contender) => [contender, []]))
  for (let round = 0; round < times; round++) {
    for (const contender of contenders) {
      const figure = await run({ contender, documents })
      if (figure !== null) seen.get(contender)?.push(figure)
    }
  }
  const figures: Figures = new Map([...seen].map(([contender, numbers]) => [contender, numbers.length === 0 ? null : median(numbers)]))
  report.push({ name, unit, figures })
  console.error(line(name, unit, figures))
}

function line(name: string, unit: string, figures: Figures): string {
  const bound = figures.get('bare') ?? null
  const cells = [...figures].map(([contender, figure]) => {
    if (figure === null) return `${contender} –`
    const ratio = bound === null || contender === 'bare' ? '' : ` (${(figure / bound).toFixed(2)}×)`
    return `${contender} ${figure < 100 ? figure.toFixed(1) : Math.round(figure)}${ratio}`
  })
  return `${`${name}, ${unit}`.padEnd(48)} ${cells.join('   ')}`
}

async function all(browser: BrowserRun): Promise<void> {
  const one =
    (measurement: Measurement, ...parameters: readonly unknown[]) =>
    async (setting: Setting): Promise<number | null> =>
      (await browser.measure(setting, measurement, ...parameters)) as number | null
  for (const documents of values.documents.split(',').map(Number)) {
    const many = `${documents} documents`
    for (const contender of contenders) {
      const ms = await browser.measure({ contender, documents }, 'fill', documents)
      console.error(`filled ${contender} with ${documents} in ${Math.round(ms as number)} ms`)
    }
    await measured(`${many}: list rows`, 'ms', documents, one('list', documents))
    await measured(`${many}: open all`, 'ms', documents, one('openAll', documents))
    await measured(`${many}: first edit durable`, 'ms', documents, one('firstEdit', documents))
    await measured(
      `${many}: heap, rows listed`,
      'MB',
      documents,
      async (setting) => (setting.contender === 'y-indexeddb' ? null : (await browser.heap(setting, 'list', documents)) / 1e6),
      1,
    )
  }
  const latency = (key: 'medianMs' | 'p95Ms') => async (setting: Setting) =>
    ((await browser.measure(setting, 'latency', 200)) as Record<typeof key, number>)[key]
  // A database of its own, since what is written here stays on the disk.
  const size = 500
  for (const contender of contenders) await browser.measure({ contender, documents: size }, 'fill', size)
  await measured('one edit durable, median', 'ms', size, latency('medianMs'))
  await measured('one edit durable, 95th percentile', 'ms', size, latency('p95Ms'))
  await measured('10,000 edits of one document durable', 'ms', size, one('burst', 10_000, 1))
  await measured('10,000 edits of 500 documents durable', 'ms', size, one('burst', 10_000, 500))
  if (only === null || only.has('260')) {
    const { state, updates, characters } = largeDocument()
    for (const contender of contenders) await browser.measure({ contender, documents: 260 }, 'putLarge', state, updates)
    await measured('a document of 259,778 edits: open', 'ms', 260, one('openLarge', characters))
  }
  for (const documents of values.documents.split(',').map(Number)) {
    await measured(
      `${documents} documents: disk`,
      'bytes a document',
      documents,
      async (setting) => (await browser.diskBytes(setting)) / documents,
      1,
    )
  }
}

const browser = await startBrowser()
try {
  await all(browser)
} finally {
  await browser.close()
}
console.log(report.map(({ name, unit, figures }) => line(name, unit, figures)).join('\n'))
