/** Settings as flags of a command. */
import { type Command, Option } from 'commander'
import { environmentName, flagName } from './read-settings.ts'
import type { Settings } from './settings.ts'

/** For flags that may be repeated. */
export const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value]

/** Gives a command the flags of a table; secrets have none. */
export function addSettings(command: Command, table: Settings): Command {
  for (const [key, setting] of Object.entries(table)) {
    const { kind, placeholder = '', help, otherwise, isSecret = false } = setting
    if (isSecret) continue
    const option = new Option(`${flagName(key)}${kind === 'switch' ? '' : ` <${placeholder}>`}`, help)
    if (kind === 'list') option.argParser(collect)
    const shown = otherwise === null || otherwise === false || otherwise === '' ? '' : `${otherwise}; `
    option.description = `${help} (${shown}${environmentName(key)})`
    command.addOption(option)
  }
  return command.option('--config <FILE>', `settings in JSON (${environmentName('config')})`)
}
