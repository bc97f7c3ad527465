/**
 * WebSocket frames of the server's side, made once for all who are sent the same bytes.
 *
 * Why it exists: a commit goes to hundreds of readers as the same bytes. With the frame's head made anew for each, every one of
 * them costs two buffers and a gathering write; as one buffer it is one plain write, and what the kernel has not taken yet is
 * held once for all.
 *
 * Source: RFC 6455, 5.2. Invariant: what is framed is not copied anew as long as it is the same object as the last.
 */

/** What is larger is not copied: `ws` sends its head ahead of it. */
export const maxJoinedBytes = 0xffff

/** Final fragment, binary. */
const binaryFrame = 0x82

export interface Framer {
  /** The bytes as one unmasked binary frame; null where copying them costs more than it saves. */
  frame(bytes: Uint8Array): Buffer | null
}

export function createFramer(): Framer {
  let last: Uint8Array | null = null
  let framed: Buffer = Buffer.alloc(0)
  return {
    frame: (bytes) => {
      if (bytes === last) return framed
      if (bytes.length > maxJoinedBytes) return null
      last = bytes
      framed = joined(bytes)
      return framed
    },
  }
}

function joined(bytes: Uint8Array): Buffer {
  const { length } = bytes
  const headBytes = length < 126 ? 2 : 4
  const frame = Buffer.allocUnsafeSlow(headBytes + length)
  frame[0] = binaryFrame
  if (headBytes === 2) frame[1] = length
  else {
    frame[1] = 126
    frame.writeUInt16BE(length, 2)
  }
  frame.set(bytes, headBytes)
  return frame
}
