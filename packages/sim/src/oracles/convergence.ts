/** P3: after healing every replica shows, stores and lists what the relay's log adds up to. */
import type { Oracle } from './oracle.ts'

/** As much of a text as a failure shows. */
export const short = (text: string): string => (text.length > 240 ? `${text.slice(0, 240)}…` : text)

/** Two texts, each from a little before the first place where they differ. */
function apart(here: string, there: string): readonly [string, string] {
  let same = 0
  while (same < here.length && here[same] === there[same]) same++
  const from = Math.max(0, same - 60)
  const cut = (text: string): string => `${from > 0 ? '…' : ''}${short(text.slice(from))}`
  return [cut(here), cut(there)]
}

/** How a failure tells that `what` is not what the log adds up to. */
function differs(what: string, here: string, there: string): string {
  const [shown, logged] = apart(here, there)
  return `${what} ${shown} where the log has ${logged}`
}

const tabsAreEqual: Oracle = {
  name: 'P3 tabs converge',
  atEnd: (_world, view, fail) => {
    for (const { tab, document, value, content, isSyncing } of view.tabs) {
      const expected = view.content.get(document) ?? ''
      if (isSyncing) return fail(`${tab.name} still waits for changes of ${document}`)
      if (content !== expected) return fail(differs(`${document} in ${tab.name} is`, content, expected))
      const read = view.values.get(document) ?? ''
      if (value !== read) return fail(`${document} reads as ${short(value)} in ${tab.name} where the log reads as ${short(read)}`)
    }
  },
}

const disksAreEqual: Oracle = {
  name: 'P3 databases converge',
  atEnd: (world, view, fail) => {
    for (const [device, disk] of view.disks) {
      for (const document of world.documents) {
        const expected = view.content.get(document)
        if (expected === undefined) continue
        if (disk.isWaiting(document)) return fail(`${device}'s database has orphans of ${document}`)
        const content = world.contentOf(document, disk.doc(document))
        if (content !== expected) return fail(differs(`${document} in ${device}'s database is`, content, expected))
      }
    }
  },
}

const rowsAreEqual: Oracle = {
  name: 'P3 lists converge',
  atEnd: (world, view, fail) => {
    const listed = new Set(view.rows.map(({ tab, document }) => `${tab.name} ${document}`))
    for (const tab of world.tabs) {
      for (const document of view.rowValues.keys())
        if (!listed.has(`${tab.name} ${document}`)) return fail(`${tab.name} does not list ${document}`)
    }
    for (const { tab, document, value } of view.rows) {
      const expected = view.rowValues.get(document) ?? ''
      if (value !== expected) return fail(differs(`${tab.name} lists ${document} as`, value, expected))
    }
  },
}

const logIsWhole: Oracle = {
  name: 'P3 the log has no gap',
  atEnd: (world, { log }, fail) => {
    for (const document of world.documents) if (log.isWaiting(document)) return fail(`the log has orphans of ${document}`)
  },
}

/** A list that was on the screen all the while shows what it would show if it were opened now. */
const queriesAreLive: Oracle = {
  name: 'P3 live lists converge',
  atEnd: (_world, view, fail) => {
    for (const { tab, name, rows, fresh } of view.queries)
      if (rows !== fresh) fail(`the list "${name}" in ${tab.name} shows ${short(rows)} where a new one shows ${short(fresh)}`)
  },
}

export const convergenceOracles: readonly Oracle[] = [logIsWhole, disksAreEqual, tabsAreEqual, rowsAreEqual, queriesAreLive]
