/**
 * A whole space in one file, and back: so that nobody's work depends on a full disk, a refusing relay or one browser.
 *
 * The file has every document with all that this device knows of it, saved or not, acknowledged or refused. It is a
 * stream in both directions: neither side holds more than a slice of documents.
 */
import { TidemarkError } from '@tidemark/base'
import { type ArchivedDocument, type ArchiveHeader, type ArchiveSource, readArchive, writeArchive } from '@tidemark/store/archive'
import type { Space } from '../space.ts'

export interface ArchiveProgress {
  /** Documents written or taken in so far. */
  readonly documents: number
  /** How many there are in all; null while that is not known, as when reading a file. */
  readonly total: number | null
  /** Bytes of their states so far. */
  readonly bytes: number
}

export interface ArchiveOptions {
  /** Called after each slice of documents. */
  readonly progress?: (progress: ArchiveProgress) => void
  /** When the archive says that it was made, ms since 1970; now by default. */
  readonly nowMs?: number
}

export interface ImportResult {
  /** Where the archive comes from. */
  readonly from: ArchiveHeader
  readonly documents: number
  readonly bytes: number
  /** Why the archive may lack something, as it says itself; null when it is whole. */
  readonly problem: string | null
  /** Documents of the archive that no space may have, and why: they were left out, and the rest taken. */
  readonly leftOut: readonly { readonly name: string; readonly problem: TidemarkError }[]
}

/** Documents read or stored at once. */
const sliceDocuments = 64
/** Bytes after which what was read of a file is stored. */
const sliceBytes = 4 * 2 ** 20

/**
 * The archive of a space, as bytes: save it as a file, or pipe it through `new CompressionStream('gzip')` first.
 *
 * Where the database cannot be read, it has the documents that are open in this tab, and says so at its end.
 *
 * The stream fails with `client/closed` when the space is closed meanwhile, and with `archive/too-large` for a document
 * of more than 512 MiB.
 */
export function exportSpace(
  space: Space,
  { progress = () => {}, nowMs = Date.now() }: ArchiveOptions = {},
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return writeArchive({ space: space.name, user: space.user.id, createdMs: nowMs }, documentsOf(space, progress))
}

async function* documentsOf(space: Space, progress: (progress: ArchiveProgress) => void): ArchiveSource {
  const { names, problem } = await space.documents.list()
  let failure = problem
  let documents = 0
  let bytes = 0
  for (let at = 0; at < names.length; at += sliceDocuments) {
    const slice = await space.documents.read(names.slice(at, at + sliceDocuments))
    failure ??= slice.problem
    for (const document of slice.documents) {
      bytes += document.state.length
      documents++
      yield document satisfies ArchivedDocument
    }
    progress({ documents, total: names.length, bytes })
  }
  return { problem: failure === null ? null : failure.message }
}

/**
 * Takes an archive into a space: every document is merged with what is here, shown at once, and carried to the relay.
 * Doing it twice changes nothing. A document that no space may have (`updates/invalid`, `protocol/name`) holds back no other.
 *
 * @throws {TidemarkError} `archive/invalid` or `archive/version` when the file cannot be read; `store/…` when this device does
 *   not take it; `client/closed`. What was stored before that stays, and nothing that was here is changed: the message says
 *   how many documents were taken.
 */
export async function importSpace(
  space: Space,
  archive: ReadableStream<Uint8Array>,
  { progress = () => {} }: Pick<ArchiveOptions, 'progress'> = {},
): Promise<ImportResult> {
  const slice: ArchivedDocument[] = []
  let from: ArchiveHeader | null = null
  let documents = 0
  let bytes = 0
  let waitingBytes = 0
  const leftOut: { readonly name: string; readonly problem: TidemarkError }[] = []
  const store = async (): Promise<void> => {
    const refused = await adopt(space, slice)
    const taken = slice.filter(({ name }) => !refused.some((one) => one.name === name))
    leftOut.push(...refused)
    documents += taken.length
    bytes += taken.reduce((sum, { state }) => sum + state.length, 0)
    slice.length = 0
    waitingBytes = 0
    progress({ documents, total: null, bytes })
  }
  try {
    for await (const record of readArchive(archive)) {
      if (record.type === 'header') from = record.header
      else if (record.type === 'document') {
        slice.push(record.document)
        waitingBytes += record.document.state.length
        if (slice.length === sliceDocuments || waitingBytes >= sliceBytes) await store()
      } else {
        if (slice.length > 0) await store()
        return { from: from as ArchiveHeader, documents, bytes, problem: record.problem, leftOut }
      }
    }
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    throw new TidemarkError(error.code, `${error.message.slice(error.code.length + 2)}; ${documents} documents were taken before`, {
      cause: error,
    })
  }
  throw new TidemarkError('archive/invalid', 'it has no end')
}

/** Takes documents in, all at once where that goes; gives those that no space may have. */
async function adopt(space: Space, documents: readonly ArchivedDocument[]): Promise<ImportResult['leftOut']> {
  try {
    await space.documents.adopt(documents.map(({ name, state }) => ({ name, update: state })))
    return []
  } catch (error) {
    const [only, ...others] = documents
    if (!isOfDocument(error)) throw error
    if (only !== undefined && others.length === 0) return [{ name: only.name, problem: error }]
    const leftOut: ImportResult['leftOut'][number][] = []
    for (const document of documents) leftOut.push(...(await adopt(space, [document])))
    return leftOut
  }
}

const isOfDocument = (error: unknown): error is TidemarkError =>
  error instanceof TidemarkError && (error.code === 'updates/invalid' || error.code === 'protocol/name')
