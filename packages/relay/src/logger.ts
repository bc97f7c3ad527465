/** Where the relay reports what an operator should know; shaped so that pino fits. */
export interface RelayLogger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

const ignore = (): void => undefined

/** Reports nothing. */
export const silentLogger: RelayLogger = { info: ignore, warn: ignore, error: ignore }
