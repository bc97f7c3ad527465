/**
 * `npm test`: everything there is to check, step by step, and one closing line with the counts.
 *
 * A step that fails does not keep the later ones from running; the exit code is 1 then. Words on the
 * command line name the steps to run, e.g. `npm test -- types unit`.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { findOrInstallBrowser } from './browser.ts'
import { checkLayers } from './check-layers.ts'
import { checkSize } from './check-size.ts'
import { runDocs } from './docs-run.ts'
import { root } from './files.ts'

interface Counts {
  readonly passed: number
  readonly failed: number
}

interface Step {
  readonly name: string
  readonly what: string
  run(): Counts | Promise<Counts>
}

const reports = join(root, 'node_modules/.tidemark-reports')
const pass: Counts = { passed: 1, failed: 0 }
const fail: Counts = { passed: 0, failed: 1 }

function command(name: string, args: readonly string[], cwd = root): Counts {
  const { status } = spawnSync(name, args, { cwd, stdio: 'inherit' })
  return status === 0 ? pass : fail
}

function check(problems: readonly string[]): Counts {
  for (const problem of problems) console.error(`  ${problem}`)
  return problems.length === 0 ? pass : fail
}

/** Runs one Vitest project; its counts come from its own report, so that a run that died counts as failed. */
function vitest(project: string): Counts {
  const report = join(reports, `${project}.json`)
  rmSync(report, { force: true })
  const { status } = spawnSync(
    'vitest',
    ['run', '--project', project, '--reporter=dot', '--reporter=json', `--outputFile.json=${report}`],
    { cwd: root, stdio: 'inherit' },
  )
  if (!existsSync(report)) return fail
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8')) as { numPassedTests: number; numFailedTests: number }
  const unexplained = status !== 0 && numFailedTests === 0 ? 1 : 0
  return { passed: numPassedTests, failed: numFailedTests + unexplained }
}

function withBrowser(run: () => Counts): Counts {
  try {
    process.env.CHROMIUM_PATH = findOrInstallBrowser((line) => console.error(line))
  } catch (error) {
    console.error((error as Error).message)
    return fail
  }
  return run()
}

const steps: readonly Step[] = [
  {
    name: 'types',
    what: 'types of packages, tests and apps',
    run: () =>
      sum([
        command('tsc', ['-b']),
        command('tsc', ['-p', 'tsconfig.tests.json']),
        command('tsc', ['-p', 'apps/editor']),
        command('tsc', ['-p', 'examples/stock']),
        command('tsc', ['-p', 'examples/shopping-list']),
        command('tsc', ['-p', 'packages/react/test']),
      ]),
  },
  { name: 'lint', what: 'format and lint', run: () => command('biome', ['ci', '.']) },
  { name: 'layers', what: 'imports keep the layers', run: () => check(checkLayers()) },
  { name: 'size', what: 'files keep their size', run: () => check(checkSize()) },
  { name: 'unit', what: 'unit and property tests in Node', run: () => vitest('node') },
  { name: 'browser', what: 'tests in Chromium', run: () => withBrowser(() => vitest('chromium')) },
  {
    name: 'build',
    what: 'the editor and the example build',
    run: () => sum(['apps/editor', 'examples/stock'].map((app) => command('vite', ['build', '--logLevel', 'warn'], join(root, app)))),
  },
  { name: 'e2e', what: 'the apps end to end, in Chromium', run: () => withBrowser(() => vitest('e2e')) },
  { name: 'docs', what: 'the snippets of the documents run', run: () => runDocs() },
]

function sum(counts: readonly Counts[]): Counts {
  return counts.reduce((a, b) => ({ passed: a.passed + b.passed, failed: a.failed + b.failed }), { passed: 0, failed: 0 })
}

const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !steps.some((step) => step.name === name))
if (unknown.length > 0) {
  console.error(`No step ${unknown.join(', ')}. Steps: ${steps.map((step) => step.name).join(', ')}.`)
  process.exit(1)
}
mkdirSync(reports, { recursive: true })
const chosen = steps.filter((step) => asked.length === 0 || asked.includes(step.name))
const results: string[] = []
let total: Counts = { passed: 0, failed: 0 }
for (const [index, step] of chosen.entries()) {
  console.error(`\n[${index + 1}/${chosen.length}] ${step.name}: ${step.what}`)
  const startMs = performance.now()
  const counts = await step.run()
  total = sum([total, counts])
  results.push(
    `${counts.failed === 0 ? 'ok    ' : 'FAILED'} ${step.name.padEnd(8)} ${counts.passed} passed, ${counts.failed} failed, ${((performance.now() - startMs) / 1000).toFixed(1)} s`,
  )
}
console.log(`\n${results.join('\n')}\n\n${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed === 0 ? 0 : 1
