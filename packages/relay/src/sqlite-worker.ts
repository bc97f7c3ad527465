/** The body of the workers of the SQLite log: opens its connection, then answers calls one by one. */
import { parentPort, workerData } from 'node:worker_threads'
import { type Answer, type Call, failureOf, startId, type WorkerStart } from './sqlite-calls.ts'
import { lockDirectory, openDatabase, openForReading } from './sqlite-database.ts'
import { SqliteKeeper } from './sqlite-keeper.ts'
import { SqliteReader } from './sqlite-reader.ts'
import { SqliteWriter } from './sqlite-writer.ts'
import { openTombstones } from './tombstones.ts'
import { buffersOf, releaseBuffers } from './work/buffers.ts'

// What was read is nobody else's: handed over, not copied.
const answer = (message: Answer): void => parentPort?.postMessage(message, buffersOf(message))

type Side = SqliteReader | SqliteWriter | SqliteKeeper

function open({ role, directory, tombstones, opening }: WorkerStart): Side {
  if (role === 'write') return new SqliteWriter(openDatabase(directory), opening, openTombstones(tombstones))
  if (role === 'read') return new SqliteReader(openForReading(directory))
  return new SqliteKeeper(openForReading(directory), openTombstones(tombstones))
}

function start(how: WorkerStart): void {
  const unlock = how.role === 'write' ? lockDirectory(how.directory) : () => undefined
  let side: Side
  try {
    side = open(how)
  } catch (error) {
    unlock()
    throw error
  }
  parentPort?.on('message', ({ id, method, values }: Call) => {
    try {
      const run = side[method as keyof typeof side] as (...values: readonly unknown[]) => unknown
      const value = run.apply(side, values as unknown[])
      answer({ id, value })
    } catch (error) {
      answer(failureOf(id, error))
    }
    // What is stored is SQLite's now; this thread was sent a copy.
    if (how.role === 'write') releaseBuffers(values)
    if (method === 'close') {
      unlock()
      parentPort?.close()
    }
  })
  answer({ id: startId, value: null })
}

try {
  start(workerData as WorkerStart)
} catch (error) {
  answer(failureOf(startId, error))
}
