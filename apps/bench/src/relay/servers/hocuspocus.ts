/** Hocuspocus 4.7: `durable` as its users keep documents, in a database through its extension, else as it is by default. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Database } from '@hocuspocus/extension-database'
import { Server } from '@hocuspocus/server'
import { tell } from './listening.ts'

const [directory = '', mode = ''] = process.argv.slice(2)

function stored(): Database {
  const database = new DatabaseSync(join(directory, 'hocuspocus.sqlite'))
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE documents (name TEXT PRIMARY KEY, data BLOB)')
  const read = database.prepare('SELECT data FROM documents WHERE name = ?')
  const write = database.prepare('INSERT OR REPLACE INTO documents VALUES (?, ?)')
  return new Database({
    fetch: async ({ documentName }) => (read.get(documentName)?.data as Uint8Array | undefined) ?? null,
    store: async ({ documentName, state }) => void write.run(documentName, state),
  })
}

const server = new Server({ port: 0, address: '127.0.0.1', quiet: true, extensions: mode === 'durable' ? [stored()] : [] })
await server.listen()
tell(server.address.port)
