/** Typing, pasting and erasing in text and rich text, as editors do: at a cursor that remote edits carry along. */
import type { Json } from '@tidemark/store'
import * as Y from 'yjs'
import { seededDice } from '../dice.ts'
import { editRichText, keys, paragraph } from '../typing.ts'
import { type Action, drawField, withEntity } from './action.ts'

/** A place in a text that stays where it is while others write. */
class Cursor {
  readonly #text: Y.Text
  #place: Y.RelativePosition

  constructor(text: Y.Text, index: number) {
    this.#text = text
    this.#place = Y.createRelativePositionFromTypeIndex(text, index)
  }

  get index(): number {
    const doc = this.#text.doc as Y.Doc
    return Y.createAbsolutePositionFromRelativePosition(this.#place, doc)?.index ?? this.#text.length
  }

  moveTo(index: number): void {
    this.#place = Y.createRelativePositionFromTypeIndex(this.#text, index)
  }
}

const textOf = (doc: Y.Doc, field: Json | undefined): Y.Text => doc.getText(field as string)

const placeIn = (text: Y.Text, at: Json | undefined): number => (at as number) % (text.length + 1)

/** One key at a time, at the pace of a person; a backspace takes what stands before the cursor. */
const type: Action = {
  verb: 'type',
  weight: 5,
  draw: (world, dice) => {
    const place = drawField(world, dice, ({ texts }) => texts)
    return place === null ? null : [...place, dice.below(400), keys(dice)]
  },
  run: (world, tab, [document, field, at, typed]) => {
    withEntity(world, tab, document as string, (entity) => {
      const text = textOf(entity.doc, field)
      const cursor = new Cursor(text, placeIn(text, at))
      ;[...(typed as string)].forEach((key, i) => {
        tab.life.schedule(i * 60, () => {
          if (tab.entities.get(document as string) !== entity || tab.isClosing) return
          const { index } = cursor
          if (key !== '\b') {
            text.insert(index, key)
            cursor.moveTo(index + key.length)
          } else if (index > 0) backspace(text, index)
          world.coverage.did('type', tab.device.name, world.time.nowMs)
        })
      })
    })
  },
}

/** Takes one character, which may be two of JavaScript's. */
function backspace(text: Y.Text, index: number): void {
  const isPair = index > 1 && /[\udc00-\udfff]/.test(text.toString()[index - 1] as string)
  text.delete(index - (isPair ? 2 : 1), isPair ? 2 : 1)
}

/** A paragraph from elsewhere in place of what is selected, in one transaction. */
const paste: Action = {
  verb: 'paste',
  weight: 2,
  draw: (world, dice) => {
    const place = drawField(world, dice, ({ texts }) => texts)
    return place === null ? null : [...place, dice.below(400), dice.pick([0, 0, dice.between(1, 30)]), paragraph(dice)]
  },
  run: (world, tab, [document, field, at, selected, pasted]) => {
    withEntity(world, tab, document as string, (entity) => {
      const text = textOf(entity.doc, field)
      const index = placeIn(text, at)
      entity.doc.transact(() => {
        text.delete(index, Math.min(selected as number, text.length - index))
        text.insert(index, pasted as string)
      })
      world.coverage.did('paste', tab.device.name, world.time.nowMs)
    })
  },
}

const erase: Action = {
  verb: 'erase',
  weight: 3,
  draw: (world, dice) => {
    const place = drawField(world, dice, ({ texts }) => texts)
    return place === null ? null : [...place, dice.below(400), dice.between(1, 30)]
  },
  run: (world, tab, [document, field, at, count]) => {
    withEntity(world, tab, document as string, (entity) => {
      const text = textOf(entity.doc, field)
      const index = placeIn(text, at)
      if (index === text.length) return
      text.delete(index, Math.min(count as number, text.length - index))
      world.coverage.did('erase', tab.device.name, world.time.nowMs)
    })
  },
}

const rich: Action = {
  verb: 'rich',
  weight: 5,
  draw: (world, dice) => {
    const place = drawField(world, dice, ({ richTexts }) => richTexts)
    return place === null ? null : [...place, dice.below(1_000_000)]
  },
  run: (world, tab, [document, field, seed]) => {
    withEntity(world, tab, document as string, (entity) => {
      editRichText(entity.doc, field as string, seededDice(seed as number, 'rich'))
      world.coverage.did('rich', tab.device.name, world.time.nowMs)
    })
  },
}

export const textActions: readonly Action[] = [type, paste, erase, rich]
