/** What is done in the plain page: writing in its Yjs texts, as any editor over `y-websocket` does. */
import type { Json } from '@tidemark/store'
import { type Dice, seededDice } from './dice.ts'
import { plainName } from './plain-client.ts'
import type { Step } from './step.ts'
import { editRichText, words } from './typing.ts'
import type { World } from './world.ts'

/** A step of the plain page; null where the document has no text. */
export function drawPlainStep(world: World, dice: Dice): Omit<Step, 'afterMs'> | null {
  const document = dice.pick(world.documents)
  const { texts, richTexts } = world.entityOf(document)
  const verb = dice.pick(['type', 'erase', 'rich', 'open'])
  const field = verb === 'rich' ? richTexts[0] : texts[0]
  if (field === undefined) return null
  const args: Record<string, readonly Json[]> = {
    type: [document, field, dice.below(400), words(dice)],
    erase: [document, field, dice.below(400), dice.between(1, 20)],
    rich: [document, field, dice.below(1_000_000)],
    open: [document],
  }
  return { who: plainName, verb, args: args[verb] ?? [] }
}

/** @throws {SyntaxError} when the page has no such verb or there is no such document. */
export function carryOutPlain(world: World, verb: string, [document, field, at, what]: readonly Json[]): void {
  if (typeof document !== 'string' || !world.documents.includes(document))
    throw new SyntaxError(`there is no document ${JSON.stringify(document)}; there are ${world.documents.join(', ')}`)
  const doc = world.plain.open(document)
  if (verb === 'open') return
  if (verb === 'rich') return editRichText(doc, field as string, seededDice(at as number, 'rich'))
  const text = doc.getText(field as string)
  const index = (at as number) % (text.length + 1)
  if (verb === 'type') text.insert(index, what as string)
  else if (verb === 'erase') text.delete(index, Math.min(what as number, text.length - index))
  else throw new SyntaxError(`the plain page has no verb ${verb}`)
}
