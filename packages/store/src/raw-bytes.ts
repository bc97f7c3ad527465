/** As much as can be kept of a record that is not what it should be: its bytes where it has some, else its JSON. */
export function rawBytes(record: unknown): Uint8Array {
  const bytes = (record as { readonly bytes?: unknown } | null)?.bytes
  if (bytes instanceof Uint8Array) return bytes
  return new TextEncoder().encode(JSON.stringify(record, (_, value: unknown) => (value instanceof Uint8Array ? [...value] : value)) ?? '')
}
