/**
 * Spaces as archives, and documents as Yjs updates, to files and from them.
 *
 * The archive is that of devices (`exportSpace`, `importSpace` of the client): what one side writes, the other reads.
 */
import { createReadStream, createWriteStream, existsSync, openSync, readSync, rmSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { TidemarkError } from '@tidemark/base'
import { type ArchiveSource, readArchive, writeArchive } from '@tidemark/store/archive'
import type { Target } from './target.ts'

const wrong = (what: string, cause?: unknown): TidemarkError => new TidemarkError('relay/config', what, { cause })

/** Writes a whole space, or what begins with `prefix` of it; gives the number of documents. */
export async function exportSpace(target: Target, space: string, prefix: string, to: string): Promise<number> {
  let count = 0
  async function* source(): ArchiveSource {
    for await (const { document: name, isPurged } of target.documents(space)) {
      if (isPurged || !name.startsWith(prefix)) continue
      yield { name, state: await target.state(space, name), pending: null }
      count++
    }
    return { problem: null }
  }
  const archive = writeArchive({ space, user: 'operator', createdMs: Date.now() }, source())
  // reason: the two declarations of the same stream, the web's and Node's, do not know of each other.
  await writeTo(to, (out) => pipeline(Readable.fromWeb(archive as import('node:stream/web').ReadableStream), out))
  return count
}

export async function exportDocument(target: Target, space: string, document: string, to: string): Promise<number> {
  const state = await target.state(space, document)
  await writeTo(to, (out) => pipeline(Readable.from([state], { objectMode: true }), out))
  return state.length
}

/** Into a file that is there whole or not at all, and overwrites nothing; '-' is standard output. */
async function writeTo(to: string, write: (out: Writable) => Promise<void>): Promise<void> {
  if (to === '-') return write(process.stdout)
  if (existsSync(to)) throw wrong(`${to} is there already; an export overwrites nothing`)
  const partial = `${to}.partial`
  try {
    await write(createWriteStream(partial, { flush: true }))
    await rename(partial, to)
  } catch (cause) {
    rmSync(partial, { force: true })
    throw cause instanceof TidemarkError
      ? cause
      : wrong(`${to} cannot be written: ${cause instanceof Error ? cause.message : cause}`, cause)
  }
}

export interface Imported {
  readonly documents: number
  /** Documents that the relay refused, with why. */
  readonly refused: readonly { readonly document: string; readonly why: string }[]
  /** Why the archive itself may lack something. */
  readonly problem: string | null
}

/** Hands on every document of an archive; one that is refused holds back no other. */
export async function importArchive(target: Target, path: string, space: string | null): Promise<Imported> {
  const refused: { document: string; why: string }[] = []
  let into = space
  let documents = 0
  let problem: string | null = null
  const stream = Readable.toWeb(createReadStream(path)) as unknown as ReadableStream<Uint8Array>
  for await (const record of readArchive(stream)) {
    if (record.type === 'header') into ??= record.header.space
    else if (record.type === 'end') problem = record.problem
    else {
      const { name, state } = record.document
      try {
        await target.carry(into ?? '', name, state)
        documents++
      } catch (error) {
        if (!(error instanceof TidemarkError) || error.retryable || error.code === 'relay/config') throw error
        refused.push({ document: name, why: error.message })
      }
    }
  }
  return { documents, refused, problem }
}

/** Whether a file begins as an archive does. @throws {TidemarkError} `relay/config` when it cannot be read. */
export function isArchive(path: string): boolean {
  try {
    const start = Buffer.alloc(8)
    readSync(openSync(path, 'r'), start, 0, 8, 0)
    return start.toString('latin1') === 'TIDEMARK'
  } catch (cause) {
    throw wrong(`${path} cannot be read: ${cause instanceof Error ? cause.message : cause}`, cause)
  }
}
