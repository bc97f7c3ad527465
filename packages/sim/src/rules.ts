/**
 * An app's own rules as an oracle: what must hold for every entity on every replica after healing.
 *
 * It is what finds that two changes, each of them fine, merge into something that is not.
 */
import type { Json } from '@tidemark/store'
import type { Oracle } from './oracles/oracle.ts'

/** One entity as a replica shows it after healing. */
export interface RuleInput {
  readonly type: string
  readonly id: string
  /** All fields but text. */
  readonly value: Readonly<Record<string, Json>>
  /** The register fields and the beginning of each text. */
  readonly row: Readonly<Record<string, Json>>
}

export type Rules = Readonly<Record<string, (entity: RuleInput) => boolean>>

export const ruleOracle = (rules: Rules): Oracle => ({
  name: 'App rules hold',
  atEnd: (_world, view, fail) => {
    for (const [document, value] of view.values) {
      const at = document.indexOf('/')
      const row = JSON.parse(view.rowValues.get(document) ?? '{}') as RuleInput['row']
      const input: RuleInput = {
        type: document.slice(0, at),
        id: document.slice(at + 1),
        value: (JSON.parse(value) as { value: RuleInput['value'] }).value,
        row,
      }
      for (const [name, holds] of Object.entries(rules))
        if (!holds(input)) fail(`${name} does not hold for ${document}: ${JSON.stringify(input.value)}`)
    }
  },
})
