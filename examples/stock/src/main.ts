/** A critical field on anybody's Yjs stack: the providers are stock, and only the schema is ours. */
import { type Conflict, critical, defineEntity } from '@tidemark/schema'
import { IndexeddbPersistence } from 'y-indexeddb'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { z } from 'zod'

const severities = ['low', 'medium', 'high'] as const
const Finding = defineEntity('finding', { version: 1, fields: { severity: critical(z.enum(severities).optional()) } })

const query = new URLSearchParams(location.search)
const name = 'finding/beam'
const doc = new Y.Doc({ guid: name })
const stored = new IndexeddbPersistence(name, doc)
const relay = new WebsocketProvider(query.get('relay') ?? 'ws://localhost:8787/stock', name, doc, { connect: false })
const finding = Finding.attach(doc, { user: query.get('user') ?? 'somebody' })

/** What this person was shown when they last looked is what their next choice is based on. */
let edit = finding.edit()

const part = <T extends HTMLElement>(id: string): T => document.querySelector(`[data-testid="${id}"]`) as T

function button(label: string, isPressed: boolean, press: () => void): HTMLButtonElement {
  const made = document.createElement('button')
  made.textContent = label
  made.setAttribute('aria-pressed', String(isPressed))
  made.onclick = press
  return made
}

function show(): void {
  const { severity } = finding.value
  const settled = severity.status === 'settled' ? severity.value : undefined
  part('severity').textContent = severity.status === 'conflict' ? 'to be decided' : (settled ?? 'not set')
  const choose = (value: (typeof severities)[number]): void => {
    edit.set({ severity: value })
    edit = finding.edit()
  }
  part('choices').hidden = severity.status === 'conflict'
  part('choices').replaceChildren(...severities.map((value) => button(value, settled === value, () => choose(value))))
  showConflict(finding.conflict('severity'))
  const lines = finding.decisions.map(
    ({ user, value, rejected }) => `${user} decided ${value}, not ${rejected.map((one) => one.value).join(', ')}`,
  )
  part('decisions').replaceChildren(...lines.map((line) => Object.assign(document.createElement('li'), { textContent: line })))
}

function showConflict(conflict: Conflict | null): void {
  const section = part('conflict')
  section.hidden = conflict === null
  const candidates = conflict?.candidates ?? []
  const buttons = candidates.map(({ id, value, authors }) => {
    const label = `${value} (${authors.map(({ user }) => user).join(', ')})`
    return button(label, false, () => {
      conflict?.decide({ choose: id })
      edit = finding.edit()
    })
  })
  section.replaceChildren(`Set differently while apart. It was ${conflict?.base ?? 'not set'}. Decide: `, ...buttons)
}

part<HTMLInputElement>('offline').onchange = (event) => {
  if ((event.target as HTMLInputElement).checked) relay.disconnect()
  else relay.connect()
}
await stored.whenSynced
edit = finding.edit()
finding.subscribe(() => {
  // What arrives is shown at once; a person who has no form open bases the next choice on it.
  edit = finding.edit()
  show()
})
show()
relay.connect()
