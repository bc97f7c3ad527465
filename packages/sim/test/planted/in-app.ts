/** Bugs of an app: entities and actions with a mistake in them. */
import { type EntityDefinition, entriesName } from '@tidemark/schema'
import * as Y from 'yjs'
import { SimReport } from '../../src/index.ts'
import type { PlantedBug } from './planted.ts'

const report = SimReport as unknown as EntityDefinition
type Attach = EntityDefinition['attach']

type Attached = ReturnType<Attach>

/** `inner` with some members of its own. */
const changed = (inner: Attached, own: Partial<Attached>): Attached =>
  new Proxy(inner, {
    get: (target, key) => {
      if (key in own) return Reflect.get(own, key) as unknown
      const value = Reflect.get(target, key, target) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

const attaching = (attach: Attach): readonly EntityDefinition[] => [{ ...report, attach }]

/** An entity that appends entries which supersede nothing, with stamps of its own making. */
const careless: Attach = (doc, options) => {
  const inner = report.attach(doc, options)
  const own: Record<string, unknown> = {}
  return changed(inner, {
    get value() {
      return { ...inner.value, ...own }
    },
    get: () => ({ ...inner.value, ...own }),
    set: (patch) => {
      Object.assign(own, patch)
      const entries = doc.getArray(entriesName)
      for (const [f, v] of Object.entries(patch)) {
        const i = [doc.clientID, Y.getState(doc.store, doc.clientID)]
        entries.push([{ i, f, v, o: [], by: options?.user ?? '', t: doc.clientID, k: 'set', s: 1 }])
      }
    },
  })
}

export const appBugs: readonly PlantedBug[] = [
  {
    name: 'an entity reads differently each time',
    faults: 'none',
    oracle: 'P1 a write is visible at once',
    plant: () => {
      let reads = 0
      const attach: Attach = (doc, options) => {
        const inner = report.attach(doc, options)
        const get = (): typeof inner.value =>
          ++reads % 9 === 0 ? { ...inner.value, title: 'other', severity: 'other', reading: -5 } : inner.get()
        return changed(inner, { get })
      }
      return { entities: attaching(attach) }
    },
  },
  {
    name: 'an entity reads differently on each replica',
    faults: 'none',
    oracle: 'P9 a stock document reads the same',
    plant: () => ({
      entities: attaching((doc, options) => {
        const inner = report.attach(doc, options)
        const value = (): typeof inner.value => ({ ...inner.value, parity: doc.clientID % 2 })
        return changed(inner, {
          get value() {
            return value()
          },
          get: value,
        })
      }),
    }),
  },
  {
    name: 'an entity writes without superseding what it shows',
    faults: 'none',
    oracle: 'P3 a later write beats what it had seen',
    plant: () => ({ entities: attaching(careless) }),
  },
  {
    name: 'an entity answers every change with a change',
    faults: 'none',
    oracle: 'P5 cost follows change',
    plant: () => ({
      entities: attaching((doc, options) => {
        const inner = report.attach(doc, options)
        doc.on('afterTransaction', (transaction: Y.Transaction) => {
          if (!transaction.local && transaction.changed.size > 0) queueMicrotask(() => doc.getMap('seen').set('by', doc.clientID))
        })
        return inner
      }),
    }),
  },
  {
    name: 'an app action fills a register with rubbish',
    faults: 'none',
    oracle: 'P8 registers stay short',
    plant: () => ({
      actions: {
        spam: ({ doc }) => {
          doc.transact(() => {
            for (let n = 0; n < 600; n++) doc.getArray(entriesName).push([{ rubbish: n }])
          })
        },
      },
    }),
  },
  {
    name: 'a rule over two fields that two people set',
    faults: 'none',
    oracle: 'App rules hold',
    plant: () => ({
      actions: {
        raise: (entity) => {
          const { reading } = entity.value as { reading: number }
          if (reading > 0) entity.set({ severity: 'high' })
        },
        lower: (entity) => {
          const { severity } = entity.value as { severity: string }
          if (severity !== 'high') entity.set({ reading: 0 })
        },
      },
      rules: { highNeedsReading: ({ value }) => value.severity !== 'high' || Number(value.reading) > 0 },
    }),
  },
]
