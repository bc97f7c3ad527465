/** The relay over a log that fails by chance: before it has stored a batch, and after. Takes the options of `serve` that tests use. */
import { parseArgs } from 'node:util'
import { systemClock, systemRandom, TidemarkError } from '@tidemark/base'
import { createRelayServer, type Log, openSqliteLog } from '@tidemark/relay'

const { values } = parseArgs({
  options: { port: { type: 'string' }, data: { type: 'string' }, 'allow-anonymous': { type: 'boolean' } },
  allowPositionals: true,
})
const ports = { clock: systemClock, random: systemRandom }
const log = await openSqliteLog({ directory: values.data ?? '', ...ports })
const append: Log['append'] = async (batch) => {
  const chance = Math.random()
  if (chance < 0.005) throw new TidemarkError('relay/log-failed', 'it failed before it stored anything')
  const places = await log.append(batch)
  if (chance > 0.995) throw new TidemarkError('relay/log-failed', 'it failed after it stored everything')
  return places
}
const failing = new Proxy(log, {
  get: (target, name) => {
    if (name === 'append') return append
    const value: unknown = Reflect.get(target, name)
    return typeof value === 'function' ? value.bind(target) : value
  },
})
const server = await createRelayServer({ log: failing, ...ports, port: Number(values.port) })
process.stdout.write(`${JSON.stringify({ url: server.url, pid: process.pid })}\n`)
