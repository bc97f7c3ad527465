/**
 * The memory behind the bytes in messages between threads.
 *
 * Why it exists: a thread that makes little else than large buffers collects them only after tens of megabytes, each thread for
 * itself. What is handed over or given up needs no collecting.
 */

/** Less than this is copied, which costs no more than handing it over. */
const minBytes = 4 << 10

/** The buffers within a message that may be handed over instead of being copied. */
export function buffersOf(message: unknown): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>()
  // A view of a part would take the rest with it.
  const take = (view: ArrayBufferView, buffer: ArrayBuffer): void => {
    if (view.byteLength === buffer.byteLength && view.byteLength >= minBytes) buffers.add(buffer)
  }
  visit(message, take, 0)
  return [...buffers]
}

/** Gives up what a message brought; every view of it in the message is empty afterwards. */
export function releaseBuffers(message: unknown): void {
  const buffers = new Set<ArrayBuffer>()
  visit(message, (_, buffer) => buffers.add(buffer), 0)
  for (const buffer of buffers) buffer.transfer(0)
}

/** Deeper than this nothing large stands in a message. */
const maxDepth = 4

function visit(value: unknown, take: (view: ArrayBufferView, buffer: ArrayBuffer) => void, depth: number): void {
  if (ArrayBuffer.isView(value)) {
    if (value.buffer instanceof ArrayBuffer) take(value, value.buffer)
  } else if (Array.isArray(value)) {
    if (depth < maxDepth) for (const part of value) visit(part, take, depth + 1)
  } else if (value !== null && typeof value === 'object' && depth < maxDepth) {
    for (const part of Object.values(value)) visit(part, take, depth + 1)
  }
}
