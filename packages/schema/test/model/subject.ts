/** What the model tests drive: the shipped package, or a build of it with one mistake planted. */
import type * as Y from 'yjs'
import { z } from 'zod'
import { critical, defineEntity } from '../../src/index.ts'

export const Case = defineEntity('case', {
  version: 1,
  fields: { f: critical(z.string().optional(), { provisional: 'latest' }) },
})

export interface Read {
  /** The values that stand, in order; one when settled. */
  readonly values: readonly (string | null)[]
  readonly deleted: boolean
  readonly late: boolean
  readonly decisions: readonly { readonly value: string | null; readonly rejected: number }[]
  readonly syncing: boolean
}

/** What a person is shown from a moment on, and what they do with it. */
export interface Look {
  set(value: string | null): void
  withdraw(): void
  /** Decides for the candidate of that number, or for a value of one's own. */
  decide(choice: number | string): void
}

export interface Replica {
  read(): Read
  look(): Look
  undo(): void
  delete(): void
  restore(): void
  close(): void
}

export interface Options {
  readonly user: string
  readonly clock: { now: () => number }
  readonly keptEntries: number
}

export type Subject = (doc: Y.Doc, options: Options) => Replica

const orNull = (value: string | undefined): string | null => value ?? null

export const shipped: Subject = (doc, options) => {
  const entity = Case.attach(doc, options)
  return {
    read: () => {
      const [conflict] = entity.conflicts
      return {
        values: conflict ? conflict.candidates.map(({ value }) => orNull(value)) : [orNull(entity.value.f)],
        deleted: entity.life.status === 'deleted',
        late: entity.life.status === 'deleted' && entity.life.edits.length > 0,
        decisions: entity.decisions.map(({ value, rejected }) => ({ value: orNull(value), rejected: rejected.length })),
        syncing: entity.syncing,
      }
    },
    look: () => {
      const edit = entity.edit()
      const conflict = entity.conflict('f')
      return {
        set: (value) => edit.set({ f: value ?? undefined }),
        withdraw: () => edit.withdraw('f'),
        decide: (choice) => {
          const candidate = typeof choice === 'number' ? conflict?.candidates[choice % conflict.candidates.length] : undefined
          conflict?.decide(typeof choice === 'string' ? { value: choice } : { choose: candidate?.id ?? '' })
        },
      }
    },
    undo: () => void entity.undo(),
    delete: () => entity.delete(),
    restore: () => entity.restore(),
    close: () => entity.close(),
  }
}
