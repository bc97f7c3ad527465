/**
 * `npm run bench:relay`: the relay beside a bare `ws` broadcaster, the stock y-websocket server and Hocuspocus, each in a
 * process of its own, with the load in another.
 *
 *   --only TEXT         measures whose name contains it
 *   --contenders A,B    of bare, stock, hocuspocus, durable, tidemark
 *   --seconds N         how long each part of a measure lasts (4)
 */
import { availableParallelism, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import type { Contender } from './dialects.ts'
import { measureGuard } from './guard.ts'
import { runLoad, startServer } from './processes.ts'
import type { Scenario } from './scenarios.ts'

const text = { type: 'string' } as const
const { values } = parseArgs({ options: { only: text, contenders: text, seconds: text } })
const contenders = (values.contenders ?? 'bare,stock,hocuspocus,durable,tidemark').split(',') as Contender[]
const seconds = values.seconds ?? '4'

const measures: readonly (readonly [name: string, scenario: Scenario, numbers: readonly string[]])[] = [
  ['fan-out to 50', 'fanOut', ['50', seconds]],
  ['fan-out to 200', 'fanOut', ['200', seconds]],
  ['a paper of 259,778 keystrokes', 'join', []],
  ['2,000 rooms', 'rooms', ['2000', seconds]],
  ['5,000 idle connections', 'idle', ['5000']],
  ['1,000 clients at once', 'crowd', ['1000']],
  ['1,000 documents in sync', 'inSync', ['1000']],
]

const say = (line: string): void => void process.stdout.write(`${line}\n`)

say(
  `load of the machine before it begins: ${loadavg()
    .map((load) => load.toFixed(1))
    .join(' ')}, ${availableParallelism()} processors`,
)
for (const [name, scenario, numbers] of measures) {
  if (!name.includes(values.only ?? '')) continue
  say(`\n${name}`)
  // A broadcaster keeps nothing that could be joined.
  const asked = scenario === 'join' || scenario === 'inSync' ? contenders.filter((one) => one !== 'bare') : contenders
  let bound: Readonly<Record<string, number>> | null = null
  for (const contender of asked) {
    const server = await startServer(contender)
    try {
      const figures = await runLoad([scenario, contender, String(server.port), String(server.pid), ...numbers])
      bound ??= figures
      const told = Object.entries(figures).map(([key, value]) => `${key} ${rounded(value)}${ratio(value, bound?.[key])}`)
      say(`  ${contender.padEnd(10)} ${told.join('  ')}`)
    } catch (error) {
      say(`  ${contender.padEnd(10)} failed: ${error instanceof Error ? error.message : String(error)}`)
    } finally {
      await server.end()
    }
  }
}

if ('the guard'.includes(values.only ?? '')) {
  const figures = Object.entries(await measureGuard()).map(([key, value]) => `${key} ${rounded(value)}`)
  say(`\nthe guard, for each update with an entry\n  ${figures.join('  ')}`)
}

function rounded(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2)
}

function ratio(value: number, bound: number | undefined): string {
  return bound === undefined || bound === 0 ? '' : ` (${(value / bound).toFixed(2)}x)`
}
