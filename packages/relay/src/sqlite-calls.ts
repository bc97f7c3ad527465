/** How the SQLite log's workers are called: a request and one answer, in any order. */
import { type ErrorCode, isErrorCode, TidemarkError, toTidemarkError } from '@tidemark/base'
import type { SqliteKeeper } from './sqlite-keeper.ts'
import type { SqliteReader } from './sqlite-reader.ts'
import type { SqliteWriter } from './sqlite-writer.ts'

/** What a worker is started with. */
export interface WorkerStart {
  readonly role: 'write' | 'read' | 'keep'
  readonly directory: string
  /** The file of the tombstones. */
  readonly tombstones: string
  /** Names this opening of the log. */
  readonly opening: string
}

/** What the writing worker can be asked. */
export type WriteMethods = Pick<SqliteWriter, keyof SqliteWriter>
/** What the reading worker can be asked. */
export type ReadMethods = Pick<SqliteReader, keyof SqliteReader>

/** What a keeping worker can be asked. */
export type KeepMethods = Pick<SqliteKeeper, keyof SqliteKeeper>

export interface Call {
  readonly id: number
  readonly method: string
  readonly values: readonly unknown[]
}

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: { readonly code: ErrorCode; readonly message: string } }

/** The id of the answer that says whether the worker has started. */
export const startId = 0

export function failureOf(id: number, error: unknown): Answer {
  const { code, message } = toTidemarkError(error, isDiskFull(error) ? 'relay/disk-full' : 'relay/log-failed')
  return { id, failure: { code, message: message.replace(`${code}: `, '') } }
}

/** `SQLITE_FULL`, or no room for a tombstone: the transaction was rolled back whole, its commit record never written. */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code, errcode } = error as { readonly code?: unknown; readonly errcode?: unknown }
  return code === 'ENOSPC' || (typeof errcode === 'number' && (errcode & 0xff) === sqliteFull)
}

const sqliteFull = 13

export function errorOf({ code, message }: { readonly code: string; readonly message: string }): TidemarkError {
  return new TidemarkError(isErrorCode(code) ? code : 'relay/log-failed', message)
}
