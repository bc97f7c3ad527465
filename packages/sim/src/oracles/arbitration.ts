/** P4: what the relay is asked to decide is decided once, for one of those who wanted it, and everybody hears what became of their wish. */
import type { ArbitratedValue } from '@tidemark/schema'
import type { World } from '../world.ts'
import type { FinalView, Oracle } from './oracle.ts'

/** Each value is accepted over the one that its author was shown, so of those who wanted to be next one is; and what is decided stays so. */
const oneIsAccepted: Oracle = {
  name: 'P4 one proposal is accepted at a time',
  watch: (world, fail) =>
    world.listen((event) => {
      if (event.type === 'proposed') world.arbitration.proposed(event)
      else if (event.type === 'hook-said') world.arbitration.said(event.asked, event.verdict)
      else if (event.type === 'relay-restored') world.arbitration.restored()
      else if (event.type === 'logged') for (const objection of world.arbitration.logged(event)) fail(objection)
    }),
}

/** Each intent is shown to the app's hook once it is durable, and a document's one by one. */
const hooksAreAskedInOrder: Oracle = {
  name: 'P2 a hook is asked about what is durable',
  watch: (world, fail) =>
    world.listen((event) => {
      const objection = event.type === 'hook-asked' ? world.arbitration.asked(event.asked) : null
      if (objection !== null) fail(objection)
    }),
}

/** Until it is accepted, what is proposed is shown as such, and what held goes on to hold. */
const proposalsDoNotHold: Oracle = {
  name: 'P4 a proposal does not hold yet',
  watch: (world, fail) =>
    world.listen((event) => {
      if (event.type !== 'proposed' || event.shown === null) return
      const { write, field, value, shown, after } = event
      const place = `${write.document}.${field}`
      if (spell(after.value) !== spell(shown.value)) fail(`${place} reads ${spell(after.value)} where ${spell(value)} is only proposed`)
      else if (after.status !== 'proposed') fail(`${place} is ${after.status} where ${spell(value)} was just proposed`)
    }),
}

const everybodyIsAnswered: Oracle = {
  name: 'P4 every proposal is answered',
  atEnd: (world, view, fail) =>
    eachField(world, view, (document, field, { proposed, refused }) => {
      const waiting = [...proposed.map(({ id }) => id), ...world.arbitration.waiting(document, field)]
      if (waiting.length > 0) return fail(`${document}.${field} has proposals without an answer: ${waiting.join(', ')}`)
      const told = world.arbitration.told(document, field)
      const shown = refused.map(({ id }) => id)
      if (told === null) return
      const missing = told.filter((id) => !shown.includes(id))
      if (missing.length > 0) fail(`${document}.${field} does not tell that ${missing.join(', ')} was refused`)
      if (refused.some(({ reason }) => reason === '')) fail(`${document}.${field} refuses without a reason`)
    }),
}

function eachField(world: World, view: FinalView, check: (document: string, field: string, value: ArbitratedValue<unknown>) => void): void {
  for (const [document, { attached }] of view.entities) {
    for (const field of world.entityOf(document).arbitrated.keys())
      check(document, field, attached.value[field] as ArbitratedValue<unknown>)
  }
}

const spell = (value: unknown): string => JSON.stringify(value) ?? 'nothing'

export const arbitrationOracles: readonly Oracle[] = [oneIsAccepted, hooksAreAskedInOrder, proposalsDoNotHold, everybodyIsAnswered]
