/** The statements on the tables of `sqlite-database.ts`, by name. */
export const sql = {
  record: 'SELECT record FROM docs WHERE name = ?',
  putRecord:
    'INSERT OR REPLACE INTO docs (name, record, pending_since, row_mark, behind, carry, long, last_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  updates: 'SELECT writer, n, origin, branch, bytes FROM updates WHERE name = ?',
  localUpdates:
    "SELECT writer, n, origin, branch, bytes FROM updates WHERE name = ? AND writer = ? AND n BETWEEN ? AND ? AND origin = 'local'",
  putUpdate: 'INSERT OR REPLACE INTO updates (name, writer, n, origin, branch, bytes) VALUES (?, ?, ?, ?, ?, ?)',
  deleteUpdate: 'DELETE FROM updates WHERE name = ? AND writer = ? AND n = ?',
  snapshot: 'SELECT format, bytes FROM snapshots WHERE name = ?',
  putSnapshot: 'INSERT OR REPLACE INTO snapshots (name, format, bytes) VALUES (?, ?, ?)',
  deleteSnapshot: 'DELETE FROM snapshots WHERE name = ?',
  rows: 'SELECT id, name, value FROM rows WHERE type = ?',
  putRow: 'INSERT OR REPLACE INTO rows (type, id, name, value) VALUES (?, ?, ?, ?)',
  deleteRow: 'DELETE FROM rows WHERE type = ? AND id = ?',
  refused: 'SELECT name, branch, writer, n, code, at, bytes FROM refused',
  putRefused: 'INSERT OR REPLACE INTO refused (name, branch, writer, n, code, at, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)',
  discard: 'DELETE FROM refused WHERE name = ? AND branch = ?',
  quarantined: 'SELECT name, part, reason, at, bytes FROM quarantine ORDER BY number',
  quarantine: 'INSERT INTO quarantine (name, part, reason, at, bytes) VALUES (?, ?, ?, ?, ?)',
  state: 'SELECT key, value FROM state',
  value: 'SELECT value FROM state WHERE key = ?',
  putValue: 'INSERT OR REPLACE INTO state (key, value) VALUES (?, ?)',
  pending: 'SELECT name, record FROM docs WHERE pending_since IS NOT NULL ORDER BY pending_since, name LIMIT ?',
  pendingSum: `SELECT (SELECT count(*) FROM docs WHERE pending_since IS NOT NULL)
    + (SELECT count(*) FROM docs WHERE carry = 1 AND pending_since IS NULL) AS documents,
    (SELECT min(pending_since) FROM docs WHERE pending_since IS NOT NULL) AS since`,
  rowsBehind: 'SELECT name FROM docs WHERE row_mark IS NOT NULL ORDER BY row_mark, name LIMIT ?',
  behind: 'SELECT name FROM docs WHERE behind = 1 ORDER BY name LIMIT ?',
  carrying: 'SELECT name FROM docs WHERE carry = 1 ORDER BY name LIMIT ?',
  longLogs: 'SELECT name FROM docs WHERE long = 1 ORDER BY name LIMIT ?',
  changedAfter: 'SELECT name FROM docs WHERE last_seq > ? ORDER BY last_seq, name',
} as const
