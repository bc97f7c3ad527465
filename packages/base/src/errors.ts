/**
 * The one error class and the closed table of everything that can go wrong.
 *
 * Why it exists: a person must be told what happened and what to do about it, and a program must be able
 * to tell errors apart without reading sentences.
 *
 * Invariants
 * 1. Each code stands once in `errors`, with a sentence and a remedy for a person.
 * 2. `retryable` is a property of the code: waiting and trying again can help, or it cannot.
 */
interface ErrorEntry {
  readonly sentence: string
  readonly remedy: string
  readonly retryable: boolean
}

const stop = (sentence: string, remedy: string): ErrorEntry => ({ sentence, remedy, retryable: false })
const retry = (sentence: string, remedy: string): ErrorEntry => ({ sentence, remedy, retryable: true })

/** What can go wrong, by code: the sentence a person should read, the remedy, and whether trying again can help. */
export const errors = {
  'protocol/malformed': stop('A message could not be read.', 'Update both sides to the same version; if it stays, report it.'),
  'protocol/version': stop('This app and the relay speak different versions.', 'Reload to get the newest app, or update the relay.'),
  'protocol/name': stop('This is not a valid space or document name.', 'Use a name of the form type/id with the permitted characters.'),
  'updates/invalid': stop('A change is not a valid Yjs update.', 'Export the change and report it; the document itself is unharmed.'),
  'updates/gap': stop('A change builds on something that is not known here.', 'Exchange the full document first.'),
  'schema/invalid': stop('A value does not fit its field.', 'Correct the value and save again.'),
  'schema/unknown-field': stop('The entity has no such field.', 'Use a field that defineEntity declares.'),
  'schema/definition': stop('The entity is declared wrongly.', 'Correct the call of defineEntity as the message says.'),
  'schema/unstable': stop(
    'The validated value is not JSON, or is not valid again as it is.',
    'Use a schema whose output is plain JSON that it accepts as input.',
  ),
  'store/full': retry(
    'This device has no space left for changes.',
    'Free some space; what is not saved stays in this tab and is still sent.',
  ),
  'store/closed': stop('The local database is closed.', 'Open the space again.'),
  'store/cursor-moved': stop('Another tab has moved on with the feed.', 'Nothing to do: this tab steps back.'),
  'store/blocked': retry('Another tab keeps an older database open.', 'Close or reload the other tabs of this app.'),
  'store/outdated': stop('The local database was written by a newer version of this app.', 'Reload this tab to get that version.'),
  'store/failed': retry(
    'The local database did not take a change.',
    'It is tried again by itself; keep this tab open until it says saved.',
  ),
  'store/unavailable': stop(
    'This browser keeps no database for this site.',
    'Leave private mode or allow site data; until then changes live in this tab only.',
  ),
  'store/insecure-context': stop(
    'This page cannot encrypt what it keeps.',
    'Serve it over https, or from localhost: browsers give encryption to no other page.',
  ),
  'store/wrong-passphrase': stop('The passphrase does not open this database.', 'Enter it again; nothing was changed.'),
  'store/locked': stop('The local database is locked.', 'Enter the passphrase to open it again.'),
  'store/key-lost': stop(
    'The key of the local database is gone, so what it holds cannot be read.',
    'Erase it and fetch everything from the relay again; what was not confirmed is lost.',
  ),
  'store/key-moved': retry('The key of the local database was changed in another tab.', 'Nothing to do: this tab takes the new one.'),
  'store/foreign': stop(
    'The database to take over is not here, or of another kind.',
    'Check its name: y-indexeddb uses that of the document.',
  ),
  'archive/invalid': stop('This file is not an archive of a space, or it is damaged.', 'Choose another copy; what was read before stays.'),
  'archive/version': stop('This archive was made by a newer version of this app.', 'Update this app and choose the file again.'),
  'archive/too-large': stop('A document is too large for an archive.', 'Export it by itself, as its Yjs state.'),
  'client/closed': stop('The space is closed.', 'Open it again.'),
  'client/not-found': stop('This document is not on this device.', 'Connect once, or check the address.'),
  'client/exists': stop('A document of this id exists already.', 'Open it instead of creating it.'),
  'client/unknown-entity': stop('The space was opened without this entity type.', 'Name the entity in openSpace({ entities }).'),
  'client/not-confirmed': retry(
    'The relay has not confirmed this yet.',
    'It stays on this device and is sent by itself; do not write it again.',
  ),
  'relay/unreachable': retry('The relay cannot be reached.', 'Changes stay on this device and are sent once there is a network.'),
  'relay/busy': retry('The relay is busy.', 'It is tried again by itself.'),
  'relay/signed-out': stop('The relay does not accept this sign-in.', 'Sign in again.'),
  'relay/forbidden': stop('You may not write here.', 'Ask for the right to write; the change stays on this device.'),
  'relay/too-large': stop('The change is larger than the relay takes.', 'Split or shrink it; it stays on this device.'),
  'relay/space-full': stop(
    'The space has reached the size that the relay keeps.',
    'Ask the operator for more room; the change stays on this device.',
  ),
  'relay/invalid': stop('The relay found the change invalid.', 'Export it and report it; it stays on this device.'),
  'relay/purged': stop(
    'This document was erased for good, everywhere.',
    'Export what this device still has of it; it can only come back under another name.',
  ),
  'relay/refused': stop('The service does not allow this change.', 'Change what the message names; it stays on this device.'),
  'relay/incomplete': stop('The relay lacks what this change builds on.', 'The client hands on the whole document by itself.'),
  'relay/log-failed': retry('The relay could not store the change.', 'It is tried again by itself; the operator sees the reason.'),
  'relay/disk-full': retry(
    'The relay has no space left to store the change.',
    'It is tried again by itself; the change stays on this device until then.',
  ),
  'relay/limit': retry('The relay has as many connections as it takes.', 'It is tried again by itself.'),
  'relay/config': stop('The relay is not set up rightly.', 'Correct the option that the message names.'),
  'admin/unauthorized': stop('This needs the admin secret.', 'Send it in the header Authorization, as Bearer.'),
  'admin/not-found': stop('There is no such thing here.', 'Check the names; the list shows what there is.'),
  'admin/method': stop('This address does something else.', 'Use a method that the message names.'),
  'admin/invalid': stop('The request is not understood.', 'Correct what the message names.'),
  'admin/too-large': stop('The request is larger than this takes.', 'Send less at once.'),
  'schema/no-basis': stop(
    'A critical field was set without saying what the person was shown.',
    'Set it through entity.edit(), or pass { basis: entity.shown() } taken when the form opened.',
  ),
  'schema/in-conflict': stop('This field has several values that were set independently.', 'Decide the conflict first.'),
  'schema/too-large': stop('The value is larger than its field takes.', 'Shorten it, or keep it in a text field.'),
  'schema/not-yours': stop('There is nothing of yours here to take back.', 'Look again: it was decided or taken back already.'),
  'schema/may-not-decide': stop('You may not decide this conflict.', 'Ask somebody who has the right to decide.'),
  'schema/invariant': stop('Together these values break a rule of this document.', 'Change the values that the rule names and save again.'),
  'schema/deleted': stop('This document was deleted.', 'Restore it before you change it.'),
} as const satisfies Record<string, ErrorEntry>

/** One of the closed set of codes in `errors`. */
export type ErrorCode = keyof typeof errors

/** Every failure that Tidemark throws, rejects with, or shows as status. */
export class TidemarkError extends Error {
  override readonly name = 'TidemarkError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options)
    this.code = code
  }

  /** Whether waiting and trying again can help. */
  get retryable(): boolean {
    return errors[this.code].retryable
  }

  /** The sentence a person should read. */
  get sentence(): string {
    return errors[this.code].sentence
  }

  /** What that person can do. */
  get remedy(): string {
    return errors[this.code].remedy
  }
}

/** Whether `code` stands in the table, for codes that arrive from outside. */
export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(errors, code)

/** `error` as it is when it is ours, otherwise wrapped under `code`. */
export function toTidemarkError(error: unknown, code: ErrorCode): TidemarkError {
  if (error instanceof TidemarkError) return error
  return new TidemarkError(code, error instanceof Error ? error.message : String(error), { cause: error })
}
