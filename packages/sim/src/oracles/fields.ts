/** What fields promise: writes show at once, a later write beats what it had seen, client ids are used once, arrays stay short. */
import { entriesName, limits } from '@tidemark/schema'
import type { Json } from '@tidemark/store'
import { holds } from '../critical-ledger.ts'
import type { WriteRecord } from '../ledger.ts'
import type { World } from '../world.ts'
import { describeWrite } from './durability.ts'
import type { Oracle } from './oracle.ts'

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** The name of a register's policy; '' for fields of other kinds. */
const policyOf = (world: World, document: string, field: string): string => {
  const declared = world.entityOf(document).definition.fields[field] as { readonly policy?: { readonly name: string } } | undefined
  return declared?.policy?.name ?? ''
}

const visibleAtOnce: Oracle = {
  name: 'P1 a write is visible at once',
  watch: (world, fail) =>
    world.listen((event) => {
      if (event.type !== 'set') return
      const value = event.value as Readonly<Record<string, unknown>>
      const isPlain = (field: string): boolean => ['latest', 'merged'].includes(policyOf(world, event.document, field))
      const hidden = Object.keys(event.patch).find((field) => isPlain(field) && !same(value[field], event.patch[field]))
      if (hidden !== undefined)
        fail(`${event.tab.name} set ${hidden} to ${JSON.stringify(event.patch[hidden])} and reads ${JSON.stringify(value[hidden])}`)
    }),
}

/** A Yjs client id belongs to one document in one tab's life: two that share one lose values silently. */
const clientIdsAreUnique: Oracle = {
  name: 'P3 client ids are used once',
  watch: (world, fail) => {
    const owners = new Map<number, string>()
    world.listen((event) => {
      if (event.type !== 'wrote') return
      const { tab, document, ranges } = event.write
      const owner = `${tab.life.name} ${document}`
      for (const { client } of ranges.structs) {
        const other = owners.get(client) ?? owner
        owners.set(client, other)
        if (other !== owner) fail(`client id ${client} of ${other} is used again by ${owner}`)
      }
    })
  },
}

const covers = ({ seen }: WriteRecord, write: WriteRecord): boolean => holds(seen, write)

/** The final value of a register is that of a write which no other write had seen. */
const laterWins: Oracle = {
  name: 'P3 a later write beats what it had seen',
  atEnd: (world, { log, entities }, fail) => {
    if (world.options.hasCustomActions) return
    for (const document of world.documents) {
      const kept = world.ledger.writes.filter((one) => one.document === document && log.contains(document, one.ranges))
      const undone = new Set(kept.flatMap((one) => (one.isStep ? one.appended.map(({ f }) => f) : [])))
      const entity = entities.get(document)?.attached
      if (entity === undefined) continue
      for (const [field, value] of Object.entries(entity.value as Record<string, Json>)) {
        if (policyOf(world, document, field) === 'latest' && !undone.has(field))
          checkField(kept, field, value, (what) => fail(`${document}.${what}`))
      }
    }
  },
}

function checkField(kept: readonly WriteRecord[], field: string, value: Json, fail: (what: string) => void): void {
  const writes = kept.filter(({ fields }) => fields !== null && Object.hasOwn(fields, field))
  const heads = writes.filter((write) => !writes.some((later) => later !== write && covers(later, write)))
  if (heads.length === 0 || heads.some(({ fields }) => same(fields?.[field], value))) return
  const last = heads.map((head) => `${JSON.stringify(head.fields?.[field])} of ${describeWrite(head)}`).join(', ')
  fail(`${field} reads ${JSON.stringify(value)} where the last writes are ${last}`)
}

const registersStayShort: Oracle = {
  name: 'P8 registers stay short',
  atEnd: (world, { log }, fail) => {
    for (const document of world.documents) {
      const entity = world.entityOf(document)
      const fields = entity.free.size + entity.critical.size + entity.arbitrated.size + 1
      const length = log.doc(document).getArray(entriesName).length
      // Each device may have filled its own part before it heard of the others'.
      const most = fields * (limits.keptEntries * 2 * world.devices.length + lives(world))
      if (length > most) fail(`${document} keeps ${length} entries of ${fields} fields where ${most} are the bound`)
    }
  },
}

/** Each life may hold heads of its own that nobody has seen yet. */
const lives = (world: World): number => new Set(world.ledger.writes.map(({ tab }) => tab)).size + 1

export const fieldOracles: readonly Oracle[] = [visibleAtOnce, clientIdsAreUnique, laterWins, registersStayShort]
