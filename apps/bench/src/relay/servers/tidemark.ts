/** The relay as its program runs it, on an SQLite log in a directory of its own. */
import { systemClock, systemRandom } from '@tidemark/base'
import { createRelayServer, openSqliteLog } from '@tidemark/relay'
import { tell } from './listening.ts'

const ports = { clock: systemClock, random: systemRandom }
const log = await openSqliteLog({ directory: process.argv[2] ?? '', ...ports })
// All load comes from one address and one user here, which the defaults hold back.
const free = { perSecond: 1e9, burst: 1e9 }
const limits = { maxSessionsPerPrincipal: 20_000, updateRate: free, byteRate: free, requestRate: free }
const server = await createRelayServer({ log, ...ports, port: 0, limits, maxConnectionsPerAddress: 20_000, maxConnections: 20_000 })
tell(server.port)
