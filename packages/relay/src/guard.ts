/**
 * Watches over the entries of critical and other fields as updates come in: nobody writes in another's name, ends a conflict
 * without the right to decide, or removes what still stands.
 *
 * It knows entries by their shape and by an index of those that stand, since Yjs does not say in the bytes where a struct lies.
 * What it cannot check is what a person has really seen. The rules, each of which closes a way to forge:
 *
 * 1. An entry names its own dot, and its author is the one who pushes it. (Carried entries are logged as carried by whom.)
 * 2. What it supersedes is known already, or stands in the same update: nothing is superseded ahead of its arrival.
 * 3. An entry that stands is not deleted by a push; decisions and what is kept with them are by nothing.
 * 4. With a guard file: in a critical field a decision needs the grant to decide, and a plain write never ends a conflict.
 * 5. With a guard file: an arbitrated field is answered by nobody but the relay, and what it answered is superseded by nobody
 *    else, but one's own refusals.
 */
import type { ErrorCode } from '@tidemark/base'
import { type Access, parseDocumentName } from '@tidemark/protocol'
import { type Dot, dotKey, firstProposal, type GuardFile, isDot, type KnownEntry } from '@tidemark/schema'
import type { DeleteSet } from '@tidemark/updates'
import type { Placed } from './placed.ts'
import { anonymous } from './sign-in.ts'

/** One entry that stands in a document. */
interface Standing {
  readonly field: string
  /** What makes equal values one candidate. */
  readonly value: string
  readonly by: string
  readonly k: KnownEntry['k']
  readonly t: number
  readonly i: Dot
  isSuperseded: boolean
}

/** The entries of one document. */
export interface GuardIndex {
  /** Client → clock → entry. */
  readonly standing: Map<number, Map<number, Standing>>
  /** Of arbitrated fields, what nothing supersedes: field → spelling of the dot → entry. */
  readonly heads: Map<string, Map<string, KnownEntry>>
}

export interface Refusal {
  readonly code: ErrorCode
  readonly detail: string
}

/** What comes in, reduced to what the document lacks. */
export interface Guarded {
  readonly document: string
  /** The entries in it. */
  readonly placed: readonly Placed[]
  readonly deletes: DeleteSet
  /** The document's clocks with this update. */
  readonly clockOf: (client: number) => number
  readonly principal: string
  readonly access: Access
  readonly kind: 'push' | 'carry'
  /** Whether the relay itself wrote it. */
  readonly isRelay: boolean
}

export interface Guard {
  /** Whether this document is watched over at all. */
  watches(document: string): boolean
  /** The index of a document that holds these. */
  index(document: string, placed: readonly Placed[]): GuardIndex
  /** Null when nothing is wrong; the index then includes the update. */
  judge(index: GuardIndex, guarded: Guarded): Refusal | null
}

/** @param file null watches every document by rules 1 to 3 alone. */
export function createGuard(file: GuardFile | null): Guard {
  return {
    watches: (document) => file === null || typeRules(file, document) !== undefined,
    index: (document, placed) => {
      const index: GuardIndex = { standing: new Map(), heads: new Map() }
      const rules = file === null ? undefined : typeRules(file, document)
      for (const one of placed) stand(index, one, rules)
      for (const one of placed) supersede(index, one)
      return index
    },
    judge: (index, guarded) => {
      const { placed } = guarded
      for (const one of placed) {
        const refusal = refuseShape(one, guarded)
        if (refusal !== null) return refusal
      }
      const rules = file === null ? undefined : typeRules(file, guarded.document)
      const unruly = rules === undefined ? null : refuseEntries(index, rules, guarded)
      if (unruly !== null) return unruly
      const superseding = new Set(placed.flatMap(({ entry }) => entry?.names ?? []))
      const refusal = refuseDeletes(index, guarded, superseding)
      if (refusal !== null) return refusal
      for (const one of placed) stand(index, one, rules)
      for (const one of placed) supersede(index, one)
      remove(index, guarded.deletes)
      return null
    },
  }
}

type Rules = GuardFile['entities'][string]

function typeRules(file: GuardFile, document: string): Rules | undefined {
  const type = parseDocumentName(document)?.type
  return type !== undefined && Object.hasOwn(file.entities, type) ? file.entities[type] : undefined
}

const forbidden = (detail: string): Refusal => ({ code: 'relay/forbidden', detail })
const invalid = (detail: string): Refusal => ({ code: 'relay/invalid', detail })

function refuseShape({ client, clock, i, by, o }: Placed, { principal, kind, clockOf }: Guarded): Refusal | null {
  const own = dotKey([client, clock])
  if (!isDot(i) || dotKey(i) !== own) return invalid(`the entry at ${own} names another place as its own`)
  const isSignedIn = principal !== anonymous.principal
  if (kind === 'push' && isSignedIn && by !== principal) return forbidden(`the entry at ${own} is not by the user who pushes it`)
  const unknown = o.find((dot) => !isDot(dot) || dot[1] >= clockOf(dot[0]))
  return unknown === undefined ? null : invalid(`the entry at ${own} supersedes something that is not known`)
}

/**
 * Judges the entries of one push as if each came by itself: what one of them has ended no other ends again. In which order they
 * were made the bytes do not tell, so those that would be refused are looked at again behind the rest.
 */
function refuseEntries(index: GuardIndex, rules: Rules, guarded: Guarded): Refusal | null {
  if (guarded.kind === 'carry' || guarded.isRelay) return null
  const ended = new Set<string>()
  let left = guarded.placed.flatMap(({ entry }) => entry ?? [])
  for (let looks = 0; ; looks++) {
    const again: KnownEntry[] = []
    let first: Refusal | null = null
    for (const entry of left) {
      const refusal = refuseEntry(index, entry, rules, guarded, ended)
      if (refusal === null) for (const name of entry.names) ended.add(`${name} ${entry.f}`)
      else again.push(entry)
      first ??= refusal
    }
    if (first === null || again.length === left.length || looks === maxLooks) return first
    left = again
  }
}

/** As many lives of tabs as one push is likely to hold, whose entries end what others began. */
const maxLooks = 16

function refuseEntry(index: GuardIndex, entry: KnownEntry, rules: Rules, guarded: Guarded, ended: ReadonlySet<string>): Refusal | null {
  const { access } = guarded
  const { f, k, key } = entry
  if (rules.arbitrated.includes(f)) return refuseAnswer(index, entry, guarded)
  if (!rules.critical.includes(f)) return null
  if (k === 'decide')
    return access === 'decide' ? null : forbidden(`the entry at ${key} decides a conflict of ${f}, which this user may not`)
  const open = entry.o.filter((dot) => !ended.has(`${dotKey(dot)} ${f}`)).flatMap((dot) => standingAt(index, dot, f))
  return candidates(open, rules.latestOfAuthor?.includes(f) === true) > 1
    ? invalid(`the entry at ${key} ends a conflict of ${f} without deciding it`)
    : null
}

/** Intents of one's own may be replaced, and refusals of one's own put away; everything else in the field is the relay's. */
function refuseAnswer({ heads }: GuardIndex, { f, k, key, names }: KnownEntry, { principal }: Guarded): Refusal | null {
  if (k === 'accept' || k === 'refuse') return forbidden(`the entry at ${key} answers what only the relay may`)
  const isOwn = ({ k: kind, by, rej = [] }: KnownEntry): boolean => {
    if (kind !== 'propose' && kind !== 'refuse') return false
    const authors = kind === 'propose' ? [by] : rej.map((rejected) => rejected.by)
    return principal === anonymous.principal || authors.every((author) => author === principal)
  }
  const own = heads.get(f)
  const foreign = names.some((name) => {
    const head = own?.get(name)
    return head !== undefined && !isOwn(head)
  })
  if (foreign) return forbidden(`the entry at ${key} supersedes what is not its author's to take back`)
  let waiting = 0
  for (const head of own?.values() ?? []) if (head.k === 'propose') waiting++
  return waiting < maxIntents ? null : invalid(`${waiting} intents wait for an answer in ${f}`)
}

function standingAt(index: GuardIndex, [client, clock]: Dot, field: string): Standing[] {
  const standing = index.standing.get(client)?.get(clock)
  return standing === undefined || standing.isSuperseded || standing.field !== field ? [] : [standing]
}

const isLater = (a: Standing, b: Standing): boolean => (a.t - b.t || a.i[0] - b.i[0] || a.i[1] - b.i[1]) > 0

/** How many candidates a reader makes of these: what a withdrawal brought back stands only where nothing else does. */
function candidates(standing: readonly Standing[], isLatestOfAuthor: boolean): number {
  const values = standing.filter(({ k }) => k !== 'withdraw')
  const isPassed = (one: Standing): boolean =>
    isLatestOfAuthor &&
    one.k === 'set' &&
    values.some((other) => other.k === 'set' && other.by !== '' && other.by === one.by && isLater(other, one))
  const shown = values.length === 0 ? standing : values.filter((one) => !isPassed(one))
  return new Set(shown.map(({ value }) => value)).size
}

/** What a carried entry had superseded may be pruned already, so that nothing tells of it any more: only what is kept for good is sure to be there. */
function refuseDeletes(index: GuardIndex, { deletes, kind }: Guarded, superseding: ReadonlySet<string>): Refusal | null {
  for (const [client, clock, standing] of within(index, deletes)) {
    const dot = dotKey([client, clock])
    if (keptKinds.has(standing.k)) return invalid(`the entry at ${dot} is kept for good, and would be deleted`)
    if (kind === 'push' && !standing.isSuperseded && !superseding.has(dot))
      return invalid(`the entry at ${dot} still stands, and would be deleted`)
  }
  return null
}

/** The indexed entries that lie in deleted ranges. */
function* within(
  { standing: index }: GuardIndex,
  deletes: DeleteSet,
): Generator<[client: number, clock: number, standing: Standing], void> {
  for (const [client, ranges] of deletes) {
    const own = index.get(client)
    if (own === undefined) continue
    for (const [clock, standing] of own) if (isWithin(ranges, clock)) yield [client, clock, standing]
  }
}

/** Ranges lie one behind the other, in rising order. */
function isWithin(ranges: readonly number[], clock: number): boolean {
  let low = 0
  let high = ranges.length / 2
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ranges[middle * 2 + 1] as number) <= clock) low = middle + 1
    else high = middle
  }
  return low < ranges.length / 2 && (ranges[low * 2] as number) <= clock
}

function remove(index: GuardIndex, deletes: DeleteSet): void {
  for (const [client, clock, { field }] of [...within(index, deletes)]) {
    index.standing.get(client)?.delete(clock)
    index.heads.get(field)?.delete(dotKey([client, clock]))
  }
}

const keptKinds: ReadonlySet<string> = new Set(['decide', 'withdraw', 'delete', 'restore'])

function stand(index: GuardIndex, { client, clock, entry, value }: Placed, rules: Rules | undefined): void {
  if (entry === null) return
  const own = index.standing.get(client) ?? new Map<number, Standing>()
  index.standing.set(client, own)
  const { i, f, k, key, by, t } = entry
  own.set(clock, { field: f, value, by, k, t, i, isSuperseded: false })
  if (rules?.arbitrated.includes(f) !== true) return
  const heads = index.heads.get(f) ?? new Map<string, KnownEntry>()
  index.heads.set(f, heads)
  heads.set(key, entry)
}

function supersede(index: GuardIndex, { entry }: Placed): void {
  for (const dot of entry?.o ?? []) {
    const standing = index.standing.get(dot[0])?.get(dot[1])
    if (standing === undefined) continue
    standing.isSuperseded = true
    if (standing.field === entry?.f) index.heads.get(standing.field)?.delete(dotKey(dot))
  }
}

/** Intents of one field that may wait at a time; an honest author has one. */
const maxIntents = 256

/** An intent that waits, with the heads of its field. */
export interface WaitingIntent {
  readonly proposal: KnownEntry
  readonly heads: readonly KnownEntry[]
}

/** The intent that waits longest in each field, at most one for each. */
export function waitingIntents({ heads: fields }: GuardIndex): readonly WaitingIntent[] {
  return [...fields.values()].flatMap((own) => {
    const heads = [...own.values()]
    const proposal = firstProposal(heads)
    return proposal === undefined ? [] : [{ proposal, heads }]
  })
}

/** The intent of this identity, where it still waits; also one that another has come before meanwhile. */
export function intentWaiting({ heads: fields }: GuardIndex, key: string): WaitingIntent | undefined {
  for (const own of fields.values()) {
    const proposal = own.get(key)
    if (proposal?.k === 'propose') return { proposal, heads: [...own.values()] }
  }
  return undefined
}
