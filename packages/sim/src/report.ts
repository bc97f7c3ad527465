/** `SimReport`: what is simulated when nothing else is named, with a field of every kind and a rule over two of them. */
import { arbitrated, counter, critical, defineEntity, latest, list, merged, richText, setOf, text } from '@tidemark/schema'
import type { Json } from '@tidemark/store'

/** A validator as Standard Schema has it. */
interface Validator<T> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => { readonly value: T } | { readonly issues: readonly { readonly message: string }[] }
    readonly types?: { readonly input: T; readonly output: T } | undefined
  }
}

const accepts = <T extends Json | undefined>(test: (value: unknown) => boolean): Validator<T> => ({
  '~standard': {
    version: 1 as const,
    vendor: 'tidemark-sim',
    validate: (value: unknown) => (test(value) ? { value: value as T } : { issues: [{ message: 'not a value of this field' }] }),
  },
})

const isNothing = (value: unknown): value is undefined => value === undefined

const isShort = (value: unknown): boolean => typeof value === 'string' && value.length <= 200

/** The built-in entity. */
export const SimReport = defineEntity('report', {
  version: 1,
  fields: {
    title: latest(accepts<string>(isShort)),
    severity: latest(accepts<string>((value) => value === 'low' || value === 'high')),
    reading: merged(
      accepts<number>((value) => typeof value === 'number'),
      (_base, values) => Math.max(...values),
    ),
    verdict: critical(accepts<string | undefined>((value) => isNothing(value) || isShort(value))),
    approved: critical(
      accepts<string | undefined>((value) => isNothing(value) || value === 'yes' || value === 'no'),
      { provisional: 'base' },
    ),
    repair: arbitrated(accepts<string | undefined>((value) => isNothing(value) || value === 'open' || value === 'done' || value === 'no')),
    tags: setOf(accepts<string>(isShort)),
    photos: list(accepts<string>(isShort)),
    visits: counter(),
    notes: text(),
    body: richText(),
  },
  invariants: { approvedHasReading: ({ approved, reading }) => approved !== 'yes' || reading === undefined || reading >= 0 },
})
