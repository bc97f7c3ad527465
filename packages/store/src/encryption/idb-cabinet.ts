/** The key record in the database that it belongs to. Every change of it is flushed to the disk before it counts. */
import type { Body } from '../encoded.ts'
import type { Connection } from '../idb-connection.ts'
import { keysKey, type StateRow } from '../idb-layout.ts'
import { resultOf } from '../idb-request.ts'
import { checkKeyRecord, currentEpoch, type KeyCabinet, type KeyRecord } from './key-record.ts'

export function idbCabinet(connection: Connection): KeyCabinet {
  return {
    read: () => connection.run('readonly', readRecord),
    change: (change) =>
      connection.run(
        'readwrite',
        async (transaction) => {
          const next = change(await readRecord(transaction))
          const state = transaction.objectStore('state')
          if (next === null) state.delete(keysKey)
          else {
            // reason: a CryptoKey is cloned by the database as it is; nothing else reads this row's value.
            const row: StateRow = { key: keysKey, value: next as unknown as Body, epoch: currentEpoch(next).epoch }
            state.put(row)
          }
          return next
        },
        'strict',
      ),
  }
}

/** Removes the record without reading it: what is damaged, or of a newer build, can be erased too. */
export async function eraseKeys(connection: Connection): Promise<void> {
  await connection.run('readwrite', async (transaction) => void transaction.objectStore('state').delete(keysKey), 'strict')
}

async function readRecord(transaction: IDBTransaction): Promise<KeyRecord | null> {
  const row = await resultOf<StateRow | undefined>(transaction.objectStore('state').get(keysKey))
  return row === undefined ? null : checkKeyRecord(row.value as unknown as KeyRecord)
}
