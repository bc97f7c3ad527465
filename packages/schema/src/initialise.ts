/**
 * Writes the first values of a new document.
 *
 * Two replicas may create the same id before they meet. Nothing is lost then: equal values of a field are one candidate,
 * different values of a critical field a conflict without base. The first text is written under a client id that is made
 * of the text itself, so that two replicas that begin with the same words make the same structs, and the words stand once.
 */
import { TidemarkError } from '@tidemark/base'
import * as Y from 'yjs'
import { entriesName } from './entry.ts'
import { origins } from './origins.ts'
import { mappedEntries } from './register.ts'
import { type Changes, checkPatch, createWriter, type Supersedes, type WriteModel, type WriteOptions, writeChanges } from './writing.ts'

/** See `EntityDefinition.initialise`. `check` refuses values that break an invariant together. */
export function initialiseEntity(
  model: WriteModel,
  doc: Y.Doc,
  init: object,
  options: WriteOptions,
  check: (changes: Changes) => void,
): void {
  const given = Object.entries(init).filter(([, input]) => input !== undefined)
  const texts = given.filter(([name]) => Object.hasOwn(model.fields, name) && model.fields[name]?.kind === 'text')
  const checked = checkPatch(model, { ...required(model), ...Object.fromEntries(given.filter((item) => !texts.includes(item))) })
  const changes: Changes = new Map([...checked].filter(([, value]) => value !== undefined))
  for (const [name, content] of texts) {
    if (typeof content !== 'string') throw new TidemarkError('schema/invalid', `${name}: the first content of a text is a string`)
  }
  if (doc.getArray(entriesName).length > 0 || mappedEntries(model, doc).length > 0) {
    throw new TidemarkError('client/exists', `this ${model.type} was initialised before`)
  }
  check(changes)
  const writer = createWriter(model, doc, options)
  const first = new Map([...changes.keys()].map((name): [string, Supersedes] => [name, { k: firstKind(model, name), o: [] }]))
  doc.transact(() => {
    writeChanges(writer, changes, first)
    for (const [name, content] of texts) insertFirstText(doc, name, (content as string).toWellFormed())
  }, origins.initialise)
}

/** Every register field that needs a value, so that one which is not given is refused by its own validator. */
const required = (model: WriteModel): Record<string, undefined> =>
  Object.fromEntries(
    [...model.plan].flatMap(([name, { field }]) => (field.policy.name === 'arbitrated' ? [] : [[name, undefined] as const])),
  )

const firstKind = (model: WriteModel, name: string): 'set' | 'propose' =>
  model.plan.get(name)?.field.policy.name === 'arbitrated' ? 'propose' : 'set'

/** Writes under the text's own client id, which nobody ever continues; what is there already stands. */
function insertFirstText(doc: Y.Doc, name: string, content: string): void {
  const own = doc.clientID
  const seed = hash(`${name}\0${content}`)
  const text = doc.getText(name)
  if (content === '' || text.length > 0 || Y.getState(doc.store, seed) > 0) return
  doc.clientID = seed
  try {
    text.insert(0, content)
  } finally {
    doc.clientID = own
  }
}

/** FNV-1a, as a client id: 32 bits, never 0. */
function hash(words: string): number {
  let state = 0x811c9dc5
  for (let index = 0; index < words.length; index++) state = Math.imul(state ^ words.charCodeAt(index), 0x01000193)
  return state >>> 0 || 1
}
