/**
 * How snapshots are stored: deflated when that saves something.
 *
 * Measured on Node 24 (`node:zlib`), as a share of the bytes: prose typed letter by letter 0.32, entries 0.19, a form of a
 * dozen entries 0.33; zstd 3 gave 0.35, 0.20 and 0.33 in half the time, brotli 4 0.31, 0.20 and 0.30 in about the same.
 * Compaction runs in a worker, so its time matters little; deflate reads everywhere and will for ever.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { TidemarkError } from '@tidemark/base'

/** As in the column `codec`. */
const plain = 0
const deflated = 1
/** Below it there is nothing to gain. */
const minBytes = 128
/** A share above which the plain bytes are kept: they are read faster. */
const worthwhile = 0.9

export interface StoredSnapshot {
  readonly codec: number
  readonly bytes: Uint8Array
}

export function packSnapshot(update: Uint8Array): StoredSnapshot {
  if (update.length < minBytes) return { codec: plain, bytes: update }
  const bytes = deflateRawSync(update)
  return bytes.length < update.length * worthwhile ? { codec: deflated, bytes } : { codec: plain, bytes: update }
}

/** @throws {TidemarkError} `relay/log-failed` when the bytes are damaged or larger than any document. */
export function unpackSnapshot({ codec, bytes }: StoredSnapshot, maxBytes: number): Uint8Array {
  if (codec === plain) return bytes
  try {
    if (codec === deflated) return inflateRawSync(bytes, { maxOutputLength: maxBytes })
  } catch (cause) {
    throw new TidemarkError('relay/log-failed', `a snapshot is damaged: ${String(cause)}`, { cause })
  }
  throw new TidemarkError('relay/log-failed', `a snapshot is stored in a way that this relay does not know (${codec})`)
}
