/**
 * Notices what nobody caught while a simulation runs: rejections, and errors that shipped code reports to the
 * platform. They belong to the process, so one simulation runs at a time in it.
 */
export async function watchUncaught<T>(caught: (error: unknown) => void, run: () => Promise<T>): Promise<T> {
  const scope = globalThis as { reportError?: unknown }
  const before = scope.reportError
  scope.reportError = caught
  process.on('unhandledRejection', caught)
  try {
    return await run()
  } finally {
    process.off('unhandledRejection', caught)
    if (before === undefined) delete scope.reportError
    else scope.reportError = before
  }
}
