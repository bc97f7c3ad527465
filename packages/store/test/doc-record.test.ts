import { expect, test } from 'vitest'
import { isRowBehind, newRecord, nextRecord } from '../src/doc-record.ts'
import type { DocRecord } from '../src/stored.ts'
import { local, remote } from './contract/harness.ts'

/**
 * `run('w1 w2@5 !w1@9')` stores local updates of writer w at those times and acknowledges up to w1; `~w3` is a
 * remote one, `=2` a row that reflects revision 2. The answer lists pending ranges and since when.
 */
function run(script: string): DocRecord {
  return script.split(' ').reduce((record, step) => {
    const [what, atMs = '0'] = step.split('@') as [string, string?]
    const [, kind, writer, number] = /^([!~=]?)([a-z]?)(\d+)$/.exec(what) as unknown as [string, string, string, string]
    const n = Number(number)
    const changes = {
      updates: kind === '' ? [local('d', writer, n)] : kind === '~' ? [remote('d', writer, n)] : [],
      acknowledged: kind === '!' ? [{ name: 'd', writer, upTo: n, seq: n }] : [],
      patches: [],
      rows: kind === '=' ? [{ type: 't', id: 'd', value: null, name: 'd', reflects: n }] : [],
    }
    return nextRecord(record, changes, [], Number(atMs))
  }, newRecord('d'))
}

const marks = (script: string): string => {
  const { pending, pendingSinceMs } = run(script)
  const ranges = Object.entries(pending).map(([writer, { from, to }]) => `${writer}${from}-${to}`)
  return [...ranges, `since ${pendingSinceMs}`].join(' ')
}

test.each([
  ['w1@5', 'w1-1 since 5'],
  ['w1@5 w3@9', 'w1-3 since 5'],
  ['w3@5 w1@9', 'w1-3 since 5'],
  ['~w1@5', 'since null'],
  ['w1@5 ~w2@9', 'w1-1 since 5'],
  ['w1@5 x1@9 !w1@20', 'x1-1 since 5'],
  ['w1@5 w2@9 !w1@20', 'w2-2 since 20'],
  ['w1@5 x1@9 x2@9 !x1@20', 'w1-1 x2-2 since 5'],
  ['w1@5 w2@9 !w0@20', 'w1-2 since 5'],
  ['w1@5 !w1@9', 'since null'],
  ['w1@5 !w7@9 !w7@10 w8@11', 'w8-8 since 11'],
])('[1] [2] the marks after %s are %s', (script, expected) => expect(marks(script)).toBe(expected))

test.each([
  ['w1', true],
  ['w1 =1', false],
  ['w1 =0', true],
  ['w1 =1 =0', true],
  ['w1 =1 =2', true],
  ['w1 =1 w2', true],
  ['=0', false],
  ['=3', true],
])('[3] after %s the row is behind: %s', (script, behind) => expect(isRowBehind(run(script))).toBe(behind))
