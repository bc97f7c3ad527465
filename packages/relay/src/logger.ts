/** Where the relay reports what an operator should know; shaped so that pino fits. */
export interface RelayLogger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Adds fields to every line. */
export function withFields(logger: RelayLogger, fields: object): RelayLogger {
  return {
    info: (more, message) => logger.info({ ...fields, ...more }, message),
    warn: (more, message) => logger.warn({ ...fields, ...more }, message),
    error: (more, message) => logger.error({ ...fields, ...more }, message),
  }
}

const ignore = (): void => undefined

/** Reports nothing. */
export const silentLogger: RelayLogger = { info: ignore, warn: ignore, error: ignore }
