/** The places that sealed bodies stand in, as additional data: none opens in another's place. All parts are keys. */
export const places = {
  /** Also of a refused update: it is the same bytes, moved. */
  update: ({ name, writer, n }: { readonly name: string; readonly writer: string; readonly n: number }): string =>
    `update|${name}|${writer}|${n}`,
  snapshot: (name: string): string => `snapshot|${name}`,
  row: ({ type, id }: { readonly type: string; readonly id: string }): string => `row|${type}|${id}`,
  page: ({ type, number }: { readonly type: string; readonly number: number }): string => `page|${type}|${number}`,
  quarantine: (name: string): string => `quarantine|${name}`,
  value: (key: string): string => `value|${key}`,
  cursor: 'cursor',
} as const
