/**
 * Conflicts and decisions in words: who, what, and what it means.
 *
 * Pure functions of what Tidemark shows; `self` is the id of who reads.
 */
import type { Candidate, Conflict, Decision } from '@tidemark/client'
import { friendlyName } from '../device/friendly-name.ts'
import { assessments, type CriticalField, optionOf } from '../report/assessment.ts'

export type ReportConflict = Conflict<string, CriticalField>
export type ReportDecision = Decision<string, CriticalField>

/** A person as `self` reads of them. An entry without user was written by somebody who was not signed in. */
export function authorName(user: string, self: string): string {
  if (user === self) return 'You'
  return user === '' ? 'Somebody' : friendlyName(user)
}

/** `You`, `You and Quiet Heron`, `You, Keen Tern and Bold Wren`; each once, oneself first. */
export function namesInWords(users: readonly string[], self: string): string {
  const names = [...new Set(users)].sort((a, b) => Number(b === self) - Number(a === self)).map((user) => authorName(user, self))
  return listed(names)
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

const nounOf = (field: CriticalField): string => `the ${assessments[field].name.toLowerCase()}`

const usersOf = (candidates: readonly Candidate[]): readonly string[] => [
  ...new Set(candidates.flatMap(({ authors }) => authors.map(({ user }) => user))),
]

/** What happened, in one sentence. */
export function conflictSentence({ field, candidates, isBetweenDecisions }: ReportConflict, self: string): string {
  const noun = nounOf(field)
  const decided = candidates.filter(({ kind }) => kind === 'decide')
  if (isBetweenDecisions) {
    const users = usersOf(decided)
    if (users.length === 1) return `${namesInWords(users, self)} decided ${noun} twice, differently.`
    return `${namesInWords(users, self)} decided ${noun} at the same time, differently.`
  }
  if (decided.length === 1) {
    const others = candidates.filter(({ kind }) => kind !== 'decide')
    return `${namesInWords(usersOf(others), self)} set ${noun} without knowing of the decision.`
  }
  const users = usersOf(candidates)
  if (users.length === 1) return `${namesInWords(users, self)} set ${noun} differently in two places.`
  return `${namesInWords(users, self)} set ${noun} differently while apart.`
}

/** What that means, and what there is to do. */
export function conflictAdvice({ base, basesDiffer, candidates, field, isBetweenDecisions }: ReportConflict): string {
  const before = basesDiffer ? '' : `It was “${optionOf(field, base).name}” before. `
  if (isBetweenDecisions) return `${before}No decision outweighs another; one more settles it for everybody.`
  const which = candidates.length === 2 ? 'Neither' : 'No value'
  return `${before}${which} counts until somebody decides, for everybody.`
}

/** What stands above the authors of a candidate. */
export const candidateVerb = ({ kind }: Candidate): string =>
  kind === 'decide' ? 'Decided by' : kind === 'withdraw' ? 'Put back by' : 'Set by'

/** `Minor (Quiet Heron), Danger (you and Keen Tern)`: what a decision rejected, each value once. */
export function rejectedWords({ field, rejected }: ReportDecision, self: string): string {
  const byValue = new Map<string, string[]>()
  for (const { value, user } of rejected) {
    const { name } = optionOf(field, value)
    byValue.set(name, [...(byValue.get(name) ?? []), user])
  }
  return [...byValue].map(([name, users]) => `${name} (${inside(namesInWords(users, self))})`).join(', ')
}

/** Names in the middle of a sentence. */
export const inside = (names: string): string => names.replace(/^You\b/, 'you')

/** How it stands with a decision, where that needs saying; `null` where it simply holds. */
export function decisionState({ field, id, stands }: ReportDecision, conflicts: readonly ReportConflict[]): string | null {
  if (!stands) return 'Changed since'
  const conflict = conflicts.find((one) => one.field === field)
  if (conflict === undefined) return null
  const isCandidate = conflict.candidates.some(({ ids }) => ids.includes(id))
  return isCandidate && conflict.isBetweenDecisions ? 'Stands against another decision' : 'Open again'
}

/** `Severity: Major`, of the decision that was made last; `null` while that is open again or was changed since. */
export function lastDecisionWords(decisions: readonly ReportDecision[], conflicts: readonly ReportConflict[]): string | null {
  const last = decisions.at(-1)
  if (last === undefined || decisionState(last, conflicts) !== null) return null
  return `${assessments[last.field].name}: ${optionOf(last.field, last.value).name}`
}

/** `1 decision`, `3 decisions`. */
export const countWords = (count: number): string => (count === 1 ? '1 decision' : `${count} decisions`)

/** What a screen reader hears when it changes: the conflicts, or else what was decided last. */
export function announcement(conflicts: readonly ReportConflict[], decisions: readonly ReportDecision[], self: string): string {
  if (conflicts.length > 0) return conflicts.map((conflict) => conflictSentence(conflict, self)).join(' ')
  const last = decisions.filter(({ stands }) => stands).at(-1)
  if (last === undefined) return ''
  return `${authorName(last.user, self)} decided ${nounOf(last.field)}: ${optionOf(last.field, last.value).name}.`
}

/** What a row of the list says of its conflicts; `null` when there are none. */
export function rowMark(conflicts: number | undefined): string | null {
  if (conflicts === undefined || conflicts < 1) return null
  return conflicts === 1 ? 'To decide' : `${conflicts} to decide`
}
