import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { z } from 'zod'
import { defineEntity, latest, limits, richText, text } from '../src/index.ts'
import { newDoc } from './notation.ts'

const Report = defineEntity('report', {
  version: 1,
  fields: {
    title: latest(z.string()),
    tags: latest(z.array(z.string()).default([])),
    note: latest(z.string().optional()),
    body: richText(),
    log: text(),
  },
})

function element(name: string, ...children: (Y.XmlElement | Y.XmlText)[]): Y.XmlElement {
  const made = new Y.XmlElement(name)
  made.insert(0, children)
  return made
}

describe('a row', () => {
  test('is plain JSON: registers with their defaults, and the text in words', () => {
    const doc = newDoc()
    Report.initialise(doc, { title: 'Roof', log: 'seen  at\nnoon' })
    const bold = new Y.XmlText()
    bold.insert(0, 'Loose ')
    bold.insert(6, 'tiles', { bold: true })
    doc
      .getXmlFragment('body')
      .insert(0, [
        element('heading', new Y.XmlText('North')),
        element('list', element('item', bold), element('item', new Y.XmlText('Gutter'))),
      ])
    expect(Report.row(doc)).toEqual({ title: 'Roof', tags: [], body: 'North Loose tiles Gutter', log: 'seen at noon' })
    expect(JSON.parse(JSON.stringify(Report.row(doc)))).toEqual(Report.row(doc))
  })

  test('cuts a preview at the limit and never through a character', () => {
    const doc = newDoc()
    doc.getText('log').insert(0, '😀'.repeat(500))
    const { log } = Report.row(doc)
    expect(log.endsWith('😀…')).toBe(true)
    expect(log.length).toBeLessThanOrEqual(limits.previewCharacters)
    expect(log.isWellFormed()).toBe(true)
  })

  test('leaves out deleted text', () => {
    const doc = newDoc()
    doc.getText('log').insert(0, 'keep drop keep')
    doc.getText('log').delete(4, 5)
    expect(Report.row(doc).log).toBe('keep keep')
  })

  test('[P8] costs little for a huge document', () => {
    const doc = newDoc()
    doc.transact(() => {
      const body = doc.getXmlFragment('body')
      for (let n = 0; n < 20_000; n++) body.push([element('paragraph')])
      body.push([element('paragraph', new Y.XmlText('far away'))])
      doc.getText('log').insert(0, 'word '.repeat(200_000))
    })
    const body = doc.getXmlFragment('body')
    let item = (body as unknown as { readonly _start: Y.Item | null })._start
    for (let n = 0; n < limits.previewItems; n++) item = item?.right ?? null
    const beyond = (): never => expect.fail('it walks on past its bound')
    Object.defineProperty(item, 'right', { get: beyond })
    expect(Report.row(doc).body).toBe('…')
  })

  test('follows elements only so deep', () => {
    const doc = newDoc()
    let deepest: Y.XmlElement | Y.XmlText = new Y.XmlText('abyss')
    for (let n = 0; n < 100; n++) deepest = element('quote', deepest)
    doc.getXmlFragment('body').insert(0, [deepest, new Y.XmlText('shore')])
    expect(Report.row(doc).body).toBe('shore')
  })
})
