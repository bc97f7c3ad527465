#!/usr/bin/env node
/** The command `tidemark-sim`. */
import { runCli } from './cli.ts'

process.exitCode = await runCli(process.argv.slice(2), {
  write: (text) => void process.stdout.write(text),
  isTerminal: process.stdout.isTTY === true,
})
