/** The load generator: one scenario against one server; says its figures as one line of JSON. */
import { type Contender, dialects } from './dialects.ts'
import { type Scenario, scenarios } from './scenarios.ts'

const [scenario, contender, port, pid, ...numbers] = process.argv.slice(2)
const figures = await scenarios[scenario as Scenario]({
  contender: contender as Contender,
  dialect: dialects[contender as Contender],
  port: Number(port),
  pid: Number(pid),
  numbers: numbers.map(Number),
})
process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit(0))
