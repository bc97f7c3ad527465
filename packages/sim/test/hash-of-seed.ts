/** Prints the hash of one seed's trace, for the test that compares processes. */
import { simulate } from '../src/index.ts'

const { traceHash } = await simulate({ seed: Number(process.argv[2]), replicas: 5, steps: 120 })
process.stdout.write(traceHash)
