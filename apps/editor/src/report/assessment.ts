/** What an inspector makes of what they saw: the values of the critical fields, and how a person reads them. */

export const severities = ['none', 'minor', 'major', 'danger'] as const
export const verdicts = ['open', 'passed', 'repair', 'failed'] as const

export type CriticalField = 'severity' | 'verdict'

/** The colour that goes with a value; the word always stands beside it. */
export type Weight = 'quiet' | 'good' | 'minor' | 'warning' | 'problem'

export interface Option {
  readonly value: string
  readonly name: string
  readonly weight: Weight
}

export interface Assessment {
  readonly field: CriticalField
  /** As a heading: `Severity`. */
  readonly name: string
  /** What a report has that nobody has assessed. */
  readonly initial: string
  readonly options: readonly Option[]
}

export const assessments: Readonly<Record<CriticalField, Assessment>> = {
  severity: {
    field: 'severity',
    name: 'Severity',
    initial: 'none',
    options: [
      { value: 'none', name: 'None', weight: 'quiet' },
      { value: 'minor', name: 'Minor', weight: 'minor' },
      { value: 'major', name: 'Major', weight: 'warning' },
      { value: 'danger', name: 'Danger', weight: 'problem' },
    ] satisfies readonly (Option & { readonly value: (typeof severities)[number] })[],
  },
  verdict: {
    field: 'verdict',
    name: 'Verdict',
    initial: 'open',
    options: [
      { value: 'open', name: 'Open', weight: 'quiet' },
      { value: 'passed', name: 'Passed', weight: 'good' },
      { value: 'repair', name: 'Repair', weight: 'warning' },
      { value: 'failed', name: 'Failed', weight: 'problem' },
    ] satisfies readonly (Option & { readonly value: (typeof verdicts)[number] })[],
  },
}

/** The option of a stored value, or of none; one that a later build wrote is shown as it is spelled. */
export function optionOf(field: CriticalField, value: string | undefined): Option {
  const { options, initial } = assessments[field]
  const wanted = value ?? initial
  return options.find((option) => option.value === wanted) ?? { value: wanted, name: wanted, weight: 'quiet' }
}
