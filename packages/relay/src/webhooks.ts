/**
 * Webhooks: what changed in a space, told to an address by signed HTTP requests.
 *
 * Each hook is a feed reader with a cursor of its own, so it misses nothing across restarts, and slows down nobody but itself.
 *
 * Invariants
 * 1. At least once, in order within a space. A message that is sent again keeps its id.
 * 2. A message that cannot be delivered is tried `attempts` times with growing pauses; then it is a dead letter: counted,
 *    logged with the places it covers, and passed over, so that one bad message does not hold back all that follow.
 * 3. Redirects are not followed: what is signed goes where it was meant to go, or nowhere.
 *
 * Messages are signed as Standard Webhooks (standardwebhooks.com) describes it, with `webhook-id`, `webhook-timestamp` and
 * `webhook-signature`, so any of its libraries can verify them; so does `verifyWebhook`.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { type Clock, fraction, type Random, TidemarkError } from '@tidemark/base'
import type { FeedBatch, FeedReader, FeedReaderOptions } from './feed-reader.ts'
import { type RelayLogger, silentLogger } from './logger.ts'

export interface WebhookOptions {
  readonly url: string
  /** At least 24 bytes, in base64 behind `whsec_`. */
  readonly secret: string
  /** Names its place in the feed; by default from the address, so another address begins at the beginning. */
  readonly name?: string
  /** Spaces that it hears of; all when left out. */
  readonly spaces?: readonly string[]
  /** Documents that it hears of, by how their names begin; all when left out. */
  readonly prefix?: string
  /** Whether messages hold the updates themselves, in base64. */
  readonly updates?: boolean
}

/** What a message says, as JSON. */
export interface WebhookMessage {
  readonly type: 'changes'
  readonly space: string
  readonly incarnation: string
  readonly after: number
  readonly seq: number
  readonly rewoundFrom: number | null
  readonly documents: readonly {
    readonly document: string
    readonly seq: number | null
    readonly principal: string | null
    readonly bytes: number
    readonly update?: string
  }[]
  readonly purged: readonly string[]
}

export interface WebhookMeter {
  /** One attempt, or the end of all attempts. */
  webhook(name: string, outcome: 'delivered' | 'failed' | 'dead'): void
}

/** `fetch`, as far as it is needed. */
export type Post = (
  url: string,
  request: {
    readonly method: 'POST'
    readonly headers: Readonly<Record<string, string>>
    readonly body: string
    readonly redirect: 'manual'
    readonly signal: AbortSignal
  },
) => Promise<{ readonly status: number }>

export interface WebhooksOptions {
  readonly hooks: readonly WebhookOptions[]
  readonly clock: Clock
  readonly random: Random
  readonly logger?: RelayLogger
  readonly meter?: WebhookMeter | null
  readonly post?: Post
  readonly limits?: Partial<WebhookLimits>
}

export interface WebhookLimits {
  readonly attempts: number
  readonly retryMs: number
  readonly maxRetryMs: number
  readonly timeoutMs: number
  /** Spaces of which a hook is told at a time. */
  readonly concurrency: number
}

/** Ten attempts over about an hour. */
export const webhookLimits: WebhookLimits = {
  attempts: 10,
  retryMs: 2_000,
  maxRetryMs: 15 * 60_000,
  timeoutMs: 15_000,
  concurrency: 4,
}

/**
 * Starts the hooks on a relay; they end with it, or by what is returned.
 *
 * @throws {TidemarkError} `relay/config` for an address or a secret that cannot be used, or two hooks of one name.
 */
export function createWebhooks(
  relay: { readFeed(options: FeedReaderOptions): FeedReader },
  options: WebhooksOptions,
): { close(): Promise<void> } {
  const hooks = options.hooks.map((hook) => new Hook(hook, options))
  const names = new Set(hooks.map(({ name }) => name))
  if (names.size < hooks.length) throw new TidemarkError('relay/config', 'two webhooks have one name')
  const readers = hooks.map((hook) => relay.readFeed(hook.reader()))
  return { close: async () => void (await Promise.all(readers.map((reader) => reader.close()))) }
}

class Hook {
  readonly name: string
  readonly #hook: WebhookOptions
  readonly #key: Buffer
  readonly #options: WebhooksOptions
  readonly #limits: WebhookLimits

  constructor(hook: WebhookOptions, options: WebhooksOptions) {
    const { protocol } = URL.parse(hook.url) ?? {}
    if (protocol !== 'https:' && protocol !== 'http:') throw new TidemarkError('relay/config', `a webhook needs an http(s) address`)
    this.#key = keyOf(hook.secret)
    this.name = hook.name ?? createHash('sha256').update(hook.url).digest('base64url').slice(0, 12)
    this.#hook = hook
    this.#options = options
    this.#limits = { ...webhookLimits, ...options.limits }
  }

  reader(): FeedReaderOptions {
    const { spaces } = this.#hook
    return {
      name: `webhook:${this.name}`,
      concurrency: this.#limits.concurrency,
      ...(spaces === undefined ? {} : { spaces: (space: string) => spaces.includes(space) }),
      read: (batch, signal) => this.#deliver(batch, signal),
    }
  }

  async #deliver(batch: FeedBatch, signal: AbortSignal): Promise<void> {
    const message = this.#message(batch)
    if (message.documents.length + message.purged.length === 0 && message.rewoundFrom === null) return
    const { meter = null, logger = silentLogger, random } = this.#options
    const { attempts, retryMs, maxRetryMs } = this.#limits
    const { space, incarnation, after, seq } = batch
    const body = JSON.stringify(message)
    const id = createHash('sha256').update(body).digest('base64url')
    let problem = ''
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (attempt > 0) {
        await this.#pause(Math.round((0.5 + fraction(random) / 2) * Math.min(maxRetryMs, retryMs * 2 ** (attempt - 1))), signal)
      }
      // What is given up now is read again by whoever goes on from the same cursor.
      if (signal.aborted) throw new TidemarkError('relay/busy', 'the relay stops')
      problem = await this.#attempt(id, body, signal)
      meter?.webhook(this.name, problem === '' ? 'delivered' : 'failed')
      if (problem === '') return
    }
    meter?.webhook(this.name, 'dead')
    logger.error({ webhook: this.name, space, incarnation, after, seq, problem }, 'a webhook message is given up')
  }

  #message({ space, incarnation, after, seq, rewoundFrom, changes, purged }: FeedBatch): WebhookMessage {
    const { prefix = '', updates = false } = this.#hook
    const documents = changes.flatMap(({ document, update, origin }) =>
      document.startsWith(prefix)
        ? [
            {
              document,
              seq: origin?.seq ?? null,
              principal: origin?.principal ?? null,
              bytes: update.length,
              ...(updates ? { update: Buffer.from(update).toString('base64') } : {}),
            },
          ]
        : [],
    )
    const gone = purged.filter((document) => document.startsWith(prefix))
    return { type: 'changes', space, incarnation, after, seq, rewoundFrom, documents, purged: gone }
  }

  /** What went wrong, or ''. */
  async #attempt(id: string, body: string, closing: AbortSignal): Promise<string> {
    const { clock, post = fetch } = this.#options
    const timestamp = Math.floor(clock.now() / 1_000)
    const late = new AbortController()
    const cancel = clock.schedule(this.#limits.timeoutMs, () => late.abort(new Error(`no answer within ${this.#limits.timeoutMs} ms`)))
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': `v1,${sign(this.#key, id, timestamp, body)}`,
    }
    try {
      const signal = AbortSignal.any([closing, late.signal])
      const { status } = await post(this.#hook.url, { method: 'POST', headers, body, redirect: 'manual', signal })
      return status >= 200 && status < 300 ? '' : `it answered ${status}`
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    } finally {
      cancel()
    }
  }

  #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.schedule(delayMs, resolve)
      signal.addEventListener(
        'abort',
        () => {
          cancel()
          resolve()
        },
        { once: true },
      )
    })
  }
}

const secretPrefix = 'whsec_'
const minSecretBytes = 24

function keyOf(secret: string): Buffer {
  const key = Buffer.from(secret.startsWith(secretPrefix) ? secret.slice(secretPrefix.length) : '', 'base64')
  if (key.length >= minSecretBytes) return key
  throw new TidemarkError('relay/config', `the secret of a webhook is ${secretPrefix} and at least ${minSecretBytes} bytes in base64`)
}

const sign = (key: Buffer, id: string, timestamp: number, body: string): string =>
  createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')

/** How old or how early a message may be, s. */
const toleranceS = 300

/**
 * What a message says, for the one who receives it.
 *
 * @param body the bytes of the request as they came.
 * @throws {TidemarkError} `relay/signed-out` when the signature is not of this secret, or not of these five minutes.
 */
export function verifyWebhook(
  secret: string,
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  body: string,
  nowMs: number,
): WebhookMessage {
  const id = String(headers['webhook-id'] ?? '')
  const timestamp = Number(headers['webhook-timestamp'])
  if (!(Math.abs(nowMs / 1_000 - timestamp) <= toleranceS))
    throw new TidemarkError('relay/signed-out', 'the message is not of these minutes')
  const expected = Buffer.from(sign(keyOf(secret), id, timestamp, body))
  const isSigned = String(headers['webhook-signature'] ?? '')
    .split(' ')
    .some((signature) => {
      const given = Buffer.from(signature.startsWith('v1,') ? signature.slice(3) : '')
      return given.length === expected.length && timingSafeEqual(given, expected)
    })
  if (!isSigned) throw new TidemarkError('relay/signed-out', 'the signature is not of this secret')
  return JSON.parse(body) as WebhookMessage
}
