/** P4: in a critical field nothing is lost silently: what stands is what nobody ended who had seen it, and every decision is on record. */
import type { Decision } from '@tidemark/client'
import type { Json } from '@tidemark/store'
import type { CriticalWrite } from '../critical-ledger.ts'
import type { WriteRecord } from '../ledger.ts'
import type { World } from '../world.ts'
import { describeWrite } from './durability.ts'
import type { Attached, FinalView, Oracle } from './oracle.ts'

const spell = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value))
const spellAll = (values: Iterable<unknown>): string => [...new Set([...values].map(spell))].sort().join(', ')

interface Policy {
  readonly sameAuthor?: string | null
}

/** The values that stand in a field, as a reader of the log finds them. */
function shownIn(entity: Attached, field: string): readonly unknown[] {
  const conflict = entity.conflicts.find((one) => one.field === field)
  if (conflict !== undefined) return conflict.candidates.map(({ value }) => value)
  const shown = entity.shown()[field]
  return shown === undefined || shown.heads.length === 0 ? [] : [shown.value]
}

function eachField(
  world: World,
  view: FinalView,
  check: (document: string, field: string, entity: Attached, policy: Policy) => void,
): void {
  if (world.options.hasCustomActions) return
  for (const [document, entity] of view.entities) {
    for (const field of world.entityOf(document).critical.keys()) {
      const declared = entity.fields[field] as { readonly policy?: Policy } | undefined
      if (world.critical.isKnown(document, field)) check(document, field, entity.attached, declared?.policy ?? {})
    }
  }
}

const nothingIsOverwrittenUnseen: Oracle = {
  name: 'P4 no value is lost silently',
  atEnd: (world, view, fail) =>
    eachField(world, view, (document, field, entity, policy) => {
      const isKept = (write: WriteRecord): boolean => view.log.contains(write.document, write.ranges)
      const standing = world.critical.standing(document, field, isKept)
      if (standing === null) return
      const [expected, shown] = [standing.values, shownIn(entity, field)].map(spellAll)
      if (expected === shown) return
      // Of what one person set on several devices only the latest stands, where the field is declared so.
      if (
        policy.sameAuthor === 'latest' &&
        shownIn(entity, field).every((value) => standing.values.some((one) => spell(one) === spell(value)))
      )
        return
      const writes = standing.writes.map(({ write, value }) => `${spell(value)} of ${describeWrite(write)}`).join('; ')
      fail(`${document}.${field} shows ${shown || 'nothing at all'} where ${expected || 'nothing'} must stand: ${writes}`)
    }),
}

const decisionsAreOnRecord: Oracle = {
  name: 'P4 decisions are on record',
  atEnd: (world, view, fail) =>
    eachField(world, view, (document, field, entity) => {
      for (const one of world.critical.writesOf(document, field)) {
        if (one.decision === null || !view.log.contains(document, one.write.ranges)) continue
        const wrong = wrongIn(one, entity.decisions)
        if (wrong !== null) return fail(`${document}.${field}: ${describeWrite(one.write)}: ${wrong}`)
      }
    }),
}

function wrongIn({ write, field, value, decision }: CriticalWrite, decisions: readonly Decision[]): string | null {
  const found = decisions.find((one) => one.field === field && one.reason === decision?.reason)
  if (found === undefined) return `the decision for ${spell(value)} is not on record`
  if (found.user !== `user-${write.device}`) return `the decision is recorded as made by ${found.user}`
  if (spell(found.value) !== spell(value)) return `the decision for ${spell(value)} is recorded as for ${spell(found.value)}`
  const rejected = new Set(found.rejected.map((one) => spell(one.value)))
  const missing = (decision?.shown ?? []).filter((one: Json | undefined) => spell(one) !== spell(value) && !rejected.has(spell(one)))
  return missing.length === 0 ? null : `the record does not name ${spellAll(missing)} among the rejected`
}

export const criticalOracles: readonly Oracle[] = [nothingIsOverwrittenUnseen, decisionsAreOnRecord]
