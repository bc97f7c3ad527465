import { asTidemarkError } from '../status/as-tidemark-error.ts'

/** What a person should read of a write that was refused; `null` when there is nothing. */
export type Failure = { readonly sentence: string; readonly remedy: string } | null

/** Runs a write that may be refused, which then changed nothing. */
export function attempt(write: () => unknown): Failure {
  try {
    write()
    return null
  } catch (error) {
    const { sentence, remedy } = asTidemarkError(error)
    return { sentence, remedy }
  }
}
