/** An app for the command line's tests: its rule does not survive a merge. */
export { SimReport as Report } from '../src/index.ts'

export const actions = {
  raise: (entity: { value: { reading?: number }; set(patch: object): unknown }): void => {
    if (Number(entity.value.reading) > 0) entity.set({ severity: 'high' })
  },
}

export const rules = {
  highNeedsReading: ({ value }: { value: Readonly<Record<string, unknown>> }): boolean =>
    value.severity !== 'high' || Number(value.reading) > 0,
}
