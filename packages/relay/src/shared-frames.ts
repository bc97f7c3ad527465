/** The frames of one message for all sessions that are sent it: made once, and those of a long one only as somebody takes them. */
import { encodeRelayMessages, type RelayMessage, relayFrames } from '@tidemark/protocol'

/** @param bytes of the updates in the message: what decides whether it is long. */
export function sharedFrames(message: RelayMessage, bytes: number, maxFrameBytes: number): Iterable<Uint8Array> {
  return bytes <= maxFrameBytes ? encodeRelayMessages([message], maxFrameBytes) : madeOnce(relayFrames([message], maxFrameBytes))
}

function madeOnce(frames: Iterable<Uint8Array>): Iterable<Uint8Array> {
  const made: Uint8Array[] = []
  const rest = frames[Symbol.iterator]()
  return {
    *[Symbol.iterator]() {
      for (let i = 0; ; i++) {
        if (i === made.length) {
          const next = rest.next()
          if (next.done === true) return
          made.push(next.value)
        }
        yield made[i] as Uint8Array
      }
    },
  }
}
