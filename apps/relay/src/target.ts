/**
 * What the commands work on: a data directory, or a running relay through its admin API.
 *
 * Looking and backing up work on the directory of a running relay too; what changes something needs the directory to itself.
 */
import { readFileSync } from 'node:fs'
import { isErrorCode, systemClock, systemRandom, TidemarkError } from '@tidemark/base'
import { wireLimits } from '@tidemark/protocol'
import {
  type BackupReport,
  createRelay,
  type DirectoryOptions,
  type DocumentDetails,
  type DocumentSummary,
  defaultRelayBounds,
  openKeeper,
  openSqliteLog,
  type Relay,
  type SpaceSummary,
  type SqliteKeeper,
  type VerifyDepth,
  type VerifyReport,
} from '@tidemark/relay'

export interface Target {
  spaces(): Promise<readonly SpaceSummary[]>
  /** In order of number. @throws {TidemarkError} `admin/not-found`. */
  documents(space: string): AsyncIterable<DocumentSummary>
  /** @throws {TidemarkError} `admin/not-found`. */
  document(space: string, document: string): Promise<DocumentDetails>
  state(space: string, document: string): Promise<Uint8Array>
  verify(depth: VerifyDepth): Promise<VerifyReport>
  backup(to: string): Promise<BackupReport>
  purge(space: string, document: string): Promise<void>
  carry(space: string, document: string, update: Uint8Array): Promise<void>
  compact(space: string, document: string): Promise<void>
  close(): Promise<void>
}

const operator = 'operator'
const pageItems = 500

const notFound = (what: string): TidemarkError => new TidemarkError('admin/not-found', what)

export function openDirectory(options: DirectoryOptions): Target {
  return new DirectoryTarget(options)
}

class DirectoryTarget implements Target {
  readonly #options: DirectoryOptions
  #keeper: SqliteKeeper | null = null
  #relay: Promise<Relay> | null = null

  constructor(options: DirectoryOptions) {
    this.#options = options
  }

  async spaces(): Promise<readonly SpaceSummary[]> {
    return this.#looking().spaces()
  }

  async *documents(space: string): AsyncIterable<DocumentSummary> {
    for (let after = 0; ; ) {
      const page = this.#looking().documents(space, after, pageItems)
      if (page === null) throw notFound(`there is no space ${space}`)
      yield* page
      if (page.length < pageItems) return
      after = page.at(-1)?.number ?? after
    }
  }

  async document(space: string, document: string): Promise<DocumentDetails> {
    const details = this.#looking().document(space, document)
    if (details === null) throw notFound(`there is no document ${document} in ${space}`)
    return details
  }

  async state(space: string, document: string): Promise<Uint8Array> {
    const state = this.#looking().state(space, document)
    if (state === null) throw notFound(`there is no document ${document} in ${space}, or it was purged`)
    return state
  }

  async verify(depth: VerifyDepth): Promise<VerifyReport> {
    return this.#looking().verify(depth)
  }

  async backup(to: string): Promise<BackupReport> {
    return this.#looking().backup(to)
  }

  async purge(space: string, document: string): Promise<void> {
    await (await this.#changing()).purge(space, document, operator)
  }

  async carry(space: string, document: string, update: Uint8Array): Promise<void> {
    await (await this.#changing()).carry(space, document, update, operator)
  }

  async compact(space: string, document: string): Promise<void> {
    await (await this.#changing()).compact(space, document)
  }

  async close(): Promise<void> {
    this.#keeper?.close()
    await (await this.#relay)?.close()
  }

  #looking(): SqliteKeeper {
    this.#keeper ??= openKeeper(this.#options)
    return this.#keeper
  }

  /** A relay without a port: whoever changes something does it by the rules that hold for everybody. */
  #changing(): Promise<Relay> {
    this.#relay ??= this.#open()
    return this.#relay
  }

  async #open(): Promise<Relay> {
    const ports = { clock: systemClock, random: systemRandom }
    try {
      const log = await openSqliteLog({ ...this.#options, ...ports })
      const announced = { ...defaultRelayBounds.announced, maxUpdateBytes: wireLimits.maxMessageBytes }
      return createRelay({ log, ...ports, limits: { announced } })
    } catch (cause) {
      if (!(cause instanceof TidemarkError) || !cause.message.includes('in use by another relay')) throw cause
      const hint = 'say --url and --admin-secret-file to go through it, or stop it first'
      throw new TidemarkError('relay/config', `a relay runs on ${this.#options.directory}: ${hint}`, { cause })
    }
  }
}

/** @param url of the relay, or of its inside port. */
export function openRemote(url: string, secret: string): Target {
  return new RemoteTarget(url, secret)
}

class RemoteTarget implements Target {
  readonly #base: string
  readonly #secret: string

  constructor(url: string, secret: string) {
    this.#base = `${url.replace(/^ws/, 'http').replace(/\/+$/, '')}/admin/v1`
    this.#secret = secret
  }

  async spaces(): Promise<readonly SpaceSummary[]> {
    return (await this.#json<{ spaces: readonly SpaceSummary[] }>('GET', '/spaces')).spaces
  }

  async *documents(space: string): AsyncIterable<DocumentSummary> {
    for (let after: number | null = 0; after !== null; ) {
      const path: string = `/spaces/${encodeURIComponent(space)}/documents?limit=${pageItems}&after=${after}`
      const page: { documents: readonly DocumentSummary[]; next: number | null } = await this.#json('GET', path)
      yield* page.documents
      after = page.next
    }
  }

  document(space: string, document: string): Promise<DocumentDetails> {
    return this.#json('GET', pathOf(space, document))
  }

  async state(space: string, document: string): Promise<Uint8Array> {
    return new Uint8Array(await (await this.#ask('GET', `${pathOf(space, document)}/state`)).arrayBuffer())
  }

  verify(depth: VerifyDepth): Promise<VerifyReport> {
    return this.#json('POST', '/verify', JSON.stringify({ depth }))
  }

  /** @param to a name in the directory that the relay was given for backups. */
  backup(to: string): Promise<BackupReport> {
    return this.#json('POST', '/backups', JSON.stringify({ name: to }))
  }

  async purge(space: string, document: string): Promise<void> {
    await this.#ask('DELETE', pathOf(space, document))
  }

  async carry(space: string, document: string, update: Uint8Array): Promise<void> {
    await this.#ask('PUT', `${pathOf(space, document)}/state`, update)
  }

  async compact(space: string, document: string): Promise<void> {
    await this.#ask('POST', `${pathOf(space, document)}/compact`)
  }

  async close(): Promise<void> {}

  async #json<T>(method: string, path: string, body?: string): Promise<T> {
    return (await (await this.#ask(method, path, body)).json()) as T
  }

  async #ask(method: string, path: string, body?: string | Uint8Array): Promise<Response> {
    const headers = { authorization: `Bearer ${this.#secret}` }
    let response: Response
    try {
      response = await fetch(this.#base + path, { method, headers, ...(body === undefined ? {} : { body: body as BodyInit }) })
    } catch (cause) {
      throw new TidemarkError('relay/unreachable', `${this.#base} does not answer`, { cause })
    }
    if (response.ok) return response
    const told = (await response.json().catch(() => ({}))) as { error?: { code?: string; message?: string } }
    const code = told.error?.code ?? ''
    throw new TidemarkError(
      isErrorCode(code) ? code : 'relay/unreachable',
      told.error?.message ?? `${this.#base}${path} answered ${response.status}: is this the relay's admin API?`,
    )
  }
}

const pathOf = (space: string, document: string): string => `/spaces/${encodeURIComponent(space)}/documents/${encodeURIComponent(document)}`

/** @throws {TidemarkError} `relay/config`. */
export function readInput(path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path))
  } catch (cause) {
    throw new TidemarkError('relay/config', `${path} cannot be read: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}
