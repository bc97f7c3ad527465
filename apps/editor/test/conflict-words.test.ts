import { describe, expect, test } from 'vitest'
import {
  announcement,
  authorName,
  candidateVerb,
  conflictAdvice,
  conflictSentence,
  decisionState,
  lastDecisionWords,
  namesInWords,
  type ReportConflict,
  type ReportDecision,
  rejectedWords,
  rowMark,
} from '../src/conflict/conflict-words.ts'
import { friendlyName } from '../src/device/friendly-name.ts'

const [ann, bob, cy] = ['ann', 'bob', 'cy']
const [bobName, cyName] = [friendlyName('bob'), friendlyName('cy')]

/** `ann:minor` is a value that ann set, `bob!major` one that bob decided; `ann+bob:minor` was set by both. */
function conflict(notation: string, part: Partial<ReportConflict> = {}): ReportConflict {
  const candidates = notation.split(' ').map((words, index) => {
    const [, users = '', mark, value] = /^([a-z+]*)([:!])(\w+)$/.exec(words) ?? []
    const authors = users.split('+').map((user, place) => ({ user, at: index * 10 + place }))
    const kind = mark === '!' ? ('decide' as const) : ('set' as const)
    return { id: `${index}`, ids: [`${index}`], value, kind, authors, base: 'none', problem: null }
  })
  return {
    field: 'severity',
    base: 'none',
    basesDiffer: false,
    candidates,
    provisional: undefined,
    heads: candidates.length,
    isBetweenDecisions: candidates.filter(({ kind }) => kind === 'decide').length > 1,
    decide: () => undefined,
    diff: () => null,
    ...part,
  }
}

const decision = (part: Partial<ReportDecision> = {}): ReportDecision => ({
  id: '0',
  field: 'severity',
  value: 'major',
  user: bob,
  at: 0,
  reason: '',
  rejected: [],
  stands: true,
  revise: () => undefined,
  ...part,
})

describe('names', () => {
  test('are the same for everybody who knows the id, and "You" for oneself', () => {
    expect(authorName(ann, ann)).toBe('You')
    expect(authorName(bob, ann)).toBe(friendlyName(bob))
    expect(authorName('', ann)).toBe('Somebody')
    expect(friendlyName('u1')).not.toBe(friendlyName('u2'))
  })

  test('stand in a row with oneself first, each once', () => {
    expect(namesInWords([bob, ann, bob], ann)).toBe(`You and ${bobName}`)
    expect(namesInWords([bob, cy, ann], ann)).toBe(`You, ${bobName} and ${cyName}`)
  })
})

describe('a conflict in words', () => {
  test('[P4] says who set what field apart', () => {
    expect(conflictSentence(conflict('ann:minor bob:danger'), ann)).toBe(`You and ${bobName} set the severity differently while apart.`)
    expect(conflictSentence(conflict('ann:minor bob:danger'), cy)).toBe(
      `${friendlyName(ann)} and ${bobName} set the severity differently while apart.`,
    )
    expect(conflictSentence(conflict('ann:passed ann:failed', { field: 'verdict' }), ann)).toBe(
      'You set the verdict differently in two places.',
    )
  })

  test('[P4] tells a conflict of decisions, and a value that came after one', () => {
    expect(conflictSentence(conflict('ann!minor bob!danger'), bob)).toBe(
      `You and ${friendlyName(ann)} decided the severity at the same time, differently.`,
    )
    expect(conflictSentence(conflict('ann!minor ann!danger'), ann)).toBe('You decided the severity twice, differently.')
    expect(conflictSentence(conflict('ann!minor bob:danger'), ann)).toBe(`${bobName} set the severity without knowing of the decision.`)
    expect(candidateVerb(conflict('ann!minor bob:danger').candidates[0] as never)).toBe('Decided by')
  })

  test('says what it was before, also when nobody had set it, unless each saw something else', () => {
    expect(conflictAdvice(conflict('ann:minor bob:danger'))).toMatch(/^It was “None” before\. Neither counts/)
    expect(conflictAdvice(conflict('ann:failed bob:passed', { field: 'verdict', base: undefined }))).toMatch(/^It was “Open” before\. /)
    expect(conflictAdvice(conflict('ann:minor bob:danger', { basesDiffer: true }))).toMatch(/^Neither counts/)
    expect(conflictAdvice(conflict('ann:minor bob:danger cy:major', { basesDiffer: true }))).toMatch(/^No value counts/)
    expect(conflictAdvice(conflict('ann!minor bob!danger'))).toContain('one more settles it')
  })

  test('marks a row by how much there is to decide', () => {
    expect([undefined, 0, 1, 2].map(rowMark)).toEqual([null, null, 'To decide', '2 to decide'])
  })
})

describe('a decision in words', () => {
  const rejected = [
    { id: '1', value: 'minor', user: ann, at: 0 },
    { id: '2', value: 'danger', user: bob, at: 0 },
    { id: '3', value: 'minor', user: cy, at: 0 },
  ]

  test('says what it rejected, each value once, with everybody who had set it', () => {
    expect(rejectedWords(decision({ rejected }), ann)).toBe(`Minor (you and ${cyName}), Danger (${bobName})`)
  })

  test('says when it no longer holds, and why', () => {
    expect(decisionState(decision(), [])).toBeNull()
    expect(decisionState(decision({ stands: false }), [])).toBe('Changed since')
    expect(decisionState(decision(), [conflict('bob!major cy!minor')])).toBe('Stands against another decision')
    expect(decisionState(decision(), [conflict('bob!major cy:minor')])).toBe('Open again')
    expect(decisionState(decision(), [conflict('ann:passed cy:failed', { field: 'verdict' })])).toBeNull()
  })

  test('stands beside the count as long as it holds', () => {
    expect(lastDecisionWords([decision()], [])).toBe('Severity: Major')
    expect(lastDecisionWords([decision({ stands: false })], [])).toBeNull()
    expect(lastDecisionWords([decision()], [conflict('bob!major cy:minor')])).toBeNull()
  })

  test('is announced once nothing is open', () => {
    expect(announcement([], [], ann)).toBe('')
    expect(announcement([], [decision()], ann)).toBe(`${bobName} decided the severity: Major.`)
    expect(announcement([conflict('ann:minor bob:danger')], [decision()], ann)).toContain('differently while apart')
    expect(announcement([], [decision({ stands: false })], ann)).toBe('')
  })
})
