/**
 * The command line, by `commander`: the best-kept argument library for Node, without dependencies of its own.
 *
 * Each command prints what it did and ends with 0; with 1 and one line on standard error when it could not, or when it found what
 * it was to find out (`verify`).
 */
import { TidemarkError } from '@tidemark/base'
import { Command, CommanderError } from 'commander'
import { closest } from 'fastest-levenshtein'
import manifest from '../package.json' with { type: 'json' }
import { addDataCommands } from './data-commands.ts'
import { addSettings, collect } from './flags.ts'
import { type Environment, printable, readSecret, readSettings } from './read-settings.ts'
import { serve } from './serve.ts'
import { jwtSettings, serveSettings } from './settings.ts'
import { readTokenOptions, signToken } from './token.ts'

export interface CommandLineOptions {
  readonly environment: Environment
  readonly fail: (error: unknown) => never
}

export function createCommandLine({ environment, fail }: CommandLineOptions): Command {
  const program = new Command('tidemark-relay')
    .description('Durable relay for Tidemark and stock y-websocket clients.')
    .version(manifest.version)
    .showHelpAfterError('(--help lists what there is)')
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
  const run = program.command('serve', { isDefault: true }).description('run the relay (the default)')
  addSettings(run, serveSettings)
    .option('--limit <NAME=NUMBER>', 'a bound of the relay, as --print-config lists them; may be repeated', collect)
    .option('--print-config', 'print every setting, where it comes from, and every bound; secrets redacted')
    .addHelpText('after', '\nFlags go before the environment, the environment before the file, the file before what stands in brackets.')
    .allowExcessArguments()
    .action(async (flags: Record<string, unknown>, command: Command) => {
      const [unknown] = command.args
      if (unknown !== undefined) throw unknownCommand(unknown, program)
      const read = readSettings(serveSettings, flags, environment)
      if (flags.printConfig === true) process.stdout.write(`${JSON.stringify(printable(read), null, 2)}\n`)
      else await serve(read.values, read.limits, fail)
    })
  addDataCommands(program, environment)
  const token = program.command('token').description('print a token signed by the secret, for trying things out')
  addSettings(token, jwtSettings)
    .option('--user <USER>', 'whom it is for')
    .option('--grant <SPACE[:PREFIX]=ACCESS>', 'what that one may do: read, write or decide; may be repeated', collect)
    .option('--ttl <SECONDS>', 'how long it holds', '3600')
    .action(async (flags: Record<string, unknown>) => {
      const { values } = readSettings(jwtSettings, flags, environment)
      const secret = readSecret(values.jwtSecretFile, values.jwtSecret, '--jwt-secret-file')
      process.stdout.write(`${await signToken(readTokenOptions(flags, secret))}\n`)
    })
  for (const command of [program, ...program.commands]) command.exitOverride().configureOutput({ writeErr: () => undefined })
  return program
}

function unknownCommand(name: string, program: Command): TidemarkError {
  const near = closest(
    name,
    program.commands.map((command) => command.name()),
  )
  return new TidemarkError('relay/config', `there is no command ${name}; do you mean ${near}? --help lists what there is`)
}

/** What a person is told, and how the process ends; null when it is to go on. */
export function endOf(error: unknown): { readonly code: number; readonly line: string } {
  if (!(error instanceof CommanderError)) return { code: 1, line: error instanceof Error ? error.message : String(error) }
  // Help and version were what was asked for.
  if (error.exitCode === 0) return { code: 0, line: '' }
  return { code: 1, line: `relay/config: ${error.message.replace(/^error: /, '').replaceAll('\n', ' ')}; see --help` }
}
