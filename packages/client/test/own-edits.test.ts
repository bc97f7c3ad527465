import { systemRandom } from '@tidemark/base'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { OpenDocument } from '../src/open-document.ts'

/** A text that two people made bold at the same time, as the update of each. */
function boldTwice(): readonly Uint8Array[] {
  const [ann, ben] = [new Y.Doc(), new Y.Doc()]
  ann.getText('body').insert(0, 'crack north')
  const start = Y.encodeStateAsUpdate(ann)
  Y.applyUpdate(ben, start)
  for (const doc of [ann, ben]) doc.getText('body').format(0, 5, { bold: true })
  return [start, ...[ann, ben].map((doc) => Y.encodeStateAsUpdate(doc))]
}

test('[P7] Yjs cleaning up formatting is not saved as an edit, which somebody who only reads would have refused', () => {
  const saved: Uint8Array[] = []
  const save = async (_document: unknown, bytes: Uint8Array) => {
    saved.push(bytes)
    return { name: 'report/r1', n: saved.length, isAside: false }
  }
  const document = new OpenDocument({ name: 'report/r1', random: systemRandom, save, project: () => null })
  document.doc.getText('body')
  for (const [i, bytes] of boldTwice().entries()) {
    document.include([{ name: 'report/r1', writer: 'w', n: i + 1, bytes, origin: 'remote' }], i + 1)
  }
  expect(document.doc.getText('body').toDelta()).toEqual([{ insert: 'crack', attributes: { bold: true } }, { insert: ' north' }])
  expect(saved).toEqual([])
})
