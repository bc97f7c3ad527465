import { TidemarkError } from '@tidemark/client'

/** `error` as it is when it is Tidemark's; anything else came from the local database, the only other party here. */
export const asTidemarkError = (error: unknown): TidemarkError =>
  error instanceof TidemarkError ? error : new TidemarkError('store/failed', String(error), { cause: error })
