/** The buffers within a message that may be handed over instead of being copied. */
export function buffersOf(message: unknown): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>()
  collect(message, buffers, 0)
  return [...buffers]
}

/** Deeper than this nothing large stands in a message. */
const maxDepth = 3

function collect(value: unknown, buffers: Set<ArrayBuffer>, depth: number): void {
  if (ArrayBuffer.isView(value)) {
    // A view of a part would take the rest with it.
    if (value.buffer instanceof ArrayBuffer && value.byteLength === value.buffer.byteLength) buffers.add(value.buffer)
  } else if (value !== null && typeof value === 'object' && !Array.isArray(value) && depth < maxDepth) {
    for (const part of Object.values(value)) collect(part, buffers, depth + 1)
  }
}
