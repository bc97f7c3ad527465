/**
 * The relay as a program.
 *
 * Standard output carries what was asked for: of `serve` one line of JSON, once it listens. The log goes to standard error.
 */
import { createCommandLine, endOf } from './command-line.ts'

function fail(error: unknown): never {
  const { code, line } = endOf(error)
  if (line !== '') process.stderr.write(`${line}\n`)
  process.exit(code)
}

// What the relay keeps is nobody else's on this machine.
process.umask(0o077)

createCommandLine({ environment: process.env, fail }).parseAsync().catch(fail)
