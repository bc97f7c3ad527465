/** The tests test: each mistake that the design warns of is planted, and the model must catch it. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as mistakes from './model/mistakes.ts'
import { type Subject, shipped } from './model/subject.ts'
import { live, type Step, stepsOf } from './model/world.ts'

interface Plan {
  readonly subject: Subject
  readonly keptEntries?: number
  readonly length?: number
  /** The steps that the build has at all; every other would be caught for a cheap reason. */
  readonly only?: readonly Step['type'][]
  /** Looks just before each set, for builds that know no basis. */
  readonly looksFirst?: boolean
}

const exchange: readonly Step['type'][] = ['set', 'deliver', 'sync']

/** Runs until the model objects; gives what it said, or `null`. */
function objection({ subject, keptEntries = 16, length = 40, only, looksFirst = false }: Plan, numRuns: number): string | null {
  const look = (step: Step): Step[] => (looksFirst && step.type === 'set' ? [{ type: 'look', at: step.at }, step] : [step])
  const histories = stepsOf(3, length).map((steps) => steps.filter(({ type }) => only === undefined || only.includes(type)).flatMap(look))
  const property = fc.property(histories, (steps) =>
    live({ subject, replicas: 3, keptEntries, causalReads: keptEntries < 16, anyOrder: looksFirst }, steps),
  )
  const result = fc.check(property, { numRuns, endOnFailure: true, seed: 42 })
  return result.failed ? String((result.errorInstance as Error | null)?.message) : null
}

const looked: readonly Step['type'][] = [...exchange, 'look']

describe('a planted mistake is caught', () => {
  const plans: Record<string, Plan & { readonly says: RegExp; readonly control?: Subject }> = {
    'a nested array that is made when first needed': {
      subject: mistakes.lazyNestedArray,
      only: exchange,
      looksFirst: true,
      says: /value/,
      control: mistakes.plainRegister,
    },
    'a Y.Map for fields': { subject: mistakes.plainMap, only: exchange, looksFirst: true, says: /value/, control: mistakes.plainRegister },
    'delete the old and push the new': {
      subject: mistakes.deleteAndPush,
      only: exchange,
      looksFirst: true,
      says: /value/,
      control: mistakes.plainRegister,
    },
    'a prune without guard': { subject: mistakes.unguardedPrune, keptEntries: 2, length: 150, says: /value/ },
    'a basis of what the replica holds': { subject: mistakes.replicaObservedBasis, only: looked, says: /value|refused/ },
    'a guard on the reader’s clock': { subject: mistakes.readerSideClockGuard, only: exchange, says: /value/ },
    'stock undo over the entries': { subject: mistakes.stockUndo, keptEntries: 2, length: 60, says: /value|undo|set|withdraw/ },
    'a pruned decision': { subject: mistakes.prunedDecision, length: 80, says: /decision|value/ },
    'a plain set that ends a conflict': { subject: mistakes.setThatEndsConflicts, says: /refused/ },
  }
  for (const [name, { says, control = shipped, ...plan }] of Object.entries(plans)) {
    test(name, () => expect(objection(plan, 600)).toMatch(says))
    test(`${name}; without it the same histories pass`, () => expect(objection({ ...plan, subject: control }, 60)).toBeNull())
  }
})
