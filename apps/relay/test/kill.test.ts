import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, test } from 'vitest'
import { killRun } from './kill/run.ts'

const directory = mkdtempSync(join(tmpdir(), 'tidemark-kill-'))

afterEach(() => rmSync(directory, { recursive: true, force: true }))

const load = { writers: 4, documents: 3, directory, faults: false } as const

test('[P2] an acknowledged or shown update survives kill -9 at any moment, and the database opens', async () => {
  // Enough for documents to be compacted under way.
  const report = await killRun({ ...load, seed: 20_260, kills: 5, pushes: [200, 700] })
  expect(report).toMatchObject({ missing: [], areEqual: true, rewound: 0, refusals: {} })
  expect(report.acked).toBeGreaterThan(5 * 200)
  const database = new DatabaseSync(join(directory, 'relay.sqlite'))
  expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
  database.close()
}, 60_000)

test('[P2] [P3] also when the log fails in between', async () => {
  const report = await killRun({ ...load, seed: 3, kills: 2, pushes: [100, 300], faults: true })
  expect(report).toMatchObject({ missing: [], areEqual: true })
}, 60_000)
