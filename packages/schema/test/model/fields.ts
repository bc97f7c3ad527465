/**
 * A reference model of the fields in which nobody decides: sets, counters, lists, merged and arbitrated fields.
 *
 * It knows nothing of Yjs. An op says what it added and what of others it took away; what is read is a function of the
 * ops that were delivered, wherever and in whatever order they were.
 */
export interface FieldOp {
  readonly id: number
  readonly field: 'tags' | 'visits' | 'steps' | 'reading' | 'seat'
  /** Values that this op put there, each under a name of its own. */
  readonly puts: readonly { readonly name: string; readonly value: string }[]
  /** Names of values that it took away. */
  readonly drops: readonly string[]
  /** What it added to the counter. */
  readonly amount: number
  /** Of a merged field: what was read before. */
  readonly base: string | null
  /** Where it stands between writes that did not know of each other. */
  readonly stamp: readonly [t: number, client: number, clock: number]
}

export type Delivered = ReadonlySet<FieldOp>

/** What was put into a field and not taken away, in the order of the ops. */
function standing(delivered: Delivered, field: FieldOp['field']): { readonly value: string; readonly op: FieldOp }[] {
  const ops = [...delivered].filter((op) => op.field === field)
  const dropped = new Set(ops.flatMap((op) => op.drops))
  return ops.flatMap((op) => op.puts.flatMap(({ name, value }) => (dropped.has(name) ? [] : [{ value, op }])))
}

/** The names under which `value` stands. */
export const namesOf = (delivered: Delivered, field: FieldOp['field'], value: string | null): string[] => {
  const ops = [...delivered].filter((op) => op.field === field)
  const dropped = new Set(ops.flatMap((op) => op.drops))
  return ops.flatMap((op) => op.puts.flatMap((put) => (dropped.has(put.name) || (value !== null && put.value !== value) ? [] : [put.name])))
}

/** A value that was added stands until a removal that knew of that very adding. */
export const tags = (delivered: Delivered): string[] => [...new Set(standing(delivered, 'tags').map(({ value }) => value))].sort()

/** The sum of everything that was added, each once. */
export const visits = (delivered: Delivered): number => [...delivered].reduce((sum, op) => sum + op.amount, 0)

/** The items that stand, whatever their order. */
export const items = (delivered: Delivered): string[] =>
  standing(delivered, 'steps')
    .map(({ value }) => value)
    .sort()

/** How the merged field folds: it shows base, values and their order, so that any difference is seen. */
export const fold = (base: string | undefined, values: readonly string[]): string => `${base ?? 'none'}<${values.join(',')}>`.slice(-60)

/** The fold of the values that stand side by side, each once, in order of their stamps. */
export function reading(delivered: Delivered): string | null {
  const heads = standing(delivered, 'reading').sort(({ op: a }, { op: b }) => compare(a.stamp, b.stamp))
  const values = [...new Set(heads.map(({ value }) => value))]
  if (values.length < 2) return values[0] ?? null
  return fold(heads[0]?.op.base ?? undefined, values)
}

const compare = (a: FieldOp['stamp'], b: FieldOp['stamp']): number => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]
