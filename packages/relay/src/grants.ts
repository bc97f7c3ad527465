/**
 * What a principal may do with which documents of a space: by prefix of the document's name, the longest one counts.
 *
 * Invariants
 * 1. A document that no prefix names may not even be read.
 * 2. `view` is the same for grants that show the same documents, and '' exactly where they show all.
 */
import { createHash } from 'node:crypto'
import { type Access, accessLevels } from '@tidemark/protocol'

/** One grant: `report/` for all documents of a type, '' for all of the space. */
export interface PrefixGrant {
  readonly prefix: string
  readonly access: Access
}

/** Whether a document may be seen; null where every one may. */
export type Visible = ((document: string) => boolean) | null

export interface Grants {
  /** The most that they allow anywhere. */
  readonly highest: Access
  /** Names what they show, for cursors and shared frames. */
  readonly view: string
  readonly visible: Visible
  accessTo(document: string): Access
}

/** Where being visible begins (1) or ends (0). */
type Edge = readonly [prefix: string, isVisible: 0 | 1]

/** A view longer than this is named by its hash, and what it showed cannot be told from its name. */
const maxViewLength = 1_000

export function createGrants(list: readonly PrefixGrant[]): Grants {
  // Longest first; of two for one prefix the later one counts.
  const byPrefix = [...new Map(list.map((grant) => [grant.prefix, grant])).values()].sort((a, b) => b.prefix.length - a.prefix.length)
  const accessTo = (document: string): Access => byPrefix.find(({ prefix }) => document.startsWith(prefix))?.access ?? 'none'
  const highest = accessLevels[Math.max(0, ...byPrefix.map(({ access }) => accessLevels.indexOf(access)))] as Access
  const view = viewOf(byPrefix)
  return { highest, view, accessTo, visible: view === '' ? null : (document) => accessTo(document) !== 'none' }
}

/** The prefixes at which being visible begins or ends, shortest first. */
function viewOf(byPrefix: readonly PrefixGrant[]): string {
  const edges: Edge[] = []
  for (const { prefix, access } of byPrefix.toReversed()) {
    const isVisible = access === 'none' ? 0 : 1
    if (isVisible !== (edges.findLast(([outer]) => prefix.startsWith(outer))?.[1] ?? 0)) edges.push([prefix, isVisible])
  }
  if (edges.length === 1 && edges[0]?.[0] === '') return ''
  const view = JSON.stringify(edges.sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1)))
  return view.length <= maxViewLength ? view : `#${createHash('sha256').update(view).digest('base64url')}`
}

/** What a view shows; nothing where its name does not tell, so that all of it counts as new. */
export function visibleIn(view: string): Visible {
  if (view === '') return null
  const longestFirst = edgesOf(view).toSorted(([a], [b]) => b.length - a.length)
  return (document) => longestFirst.find(([prefix]) => document.startsWith(prefix))?.[1] === 1
}

/** What is visible in both. */
export const both = (a: Visible, b: Visible): Visible => (a === null ? b : b === null ? a : (document) => a(document) && b(document))

/** What is visible in `wide` and not in `narrow`. */
export const beyond =
  (wide: Visible, narrow: Visible) =>
  (document: string): boolean =>
    narrow !== null && !narrow(document) && (wide === null || wide(document))

/** Whether something may be visible in `wide` that was not in `narrow`. */
export function isWider(wide: string, narrow: string): boolean {
  if (wide === narrow || narrow === '') return false
  if (wide === '' || wide.startsWith('#') || edgesOf(narrow).length === 0) return true
  const inNarrow = visibleIn(narrow)
  const inWide = visibleIn(wide)
  // Visibility changes only at the prefixes that the two name, so it is enough to look at those.
  const edges = [wide, narrow].flatMap((view) => edgesOf(view))
  return edges.some(([prefix]) => beyond(inWide, inNarrow)(prefix))
}

/** None for a hash, and for what a client made up: the worst that can come of that is that it is sent what it has. */
function edgesOf(view: string): readonly Edge[] {
  try {
    const edges: unknown = JSON.parse(view)
    return Array.isArray(edges) && edges.every(isEdge) ? edges : []
  } catch {
    return []
  }
}

const isEdge = (edge: unknown): edge is Edge => Array.isArray(edge) && typeof edge[0] === 'string' && (edge[1] === 0 || edge[1] === 1)
