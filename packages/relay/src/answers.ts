/**
 * Turns outcomes of pushes, which arrive in any order, into answers in the order of the pushes.
 *
 * Invariant: an `ack` goes out only when every push up to its `n` is durable or has been refused, and the
 * refusals among them go out before it. One `ack` covers a whole run.
 */
import type { RelayMessage } from '@tidemark/protocol'
import type { Outcome } from './offer.ts'

interface Waiting {
  readonly n: number
  readonly document: string
  readonly bytes: number
  outcome: Outcome | null
}

export class Answers {
  readonly #waiting: Waiting[] = []
  #bytes = 0

  /** Pushes without an answer. */
  get count(): number {
    return this.#waiting.length
  }

  /** Bytes of the pushes without an answer. */
  get bytes(): number {
    return this.#bytes
  }

  /** Awaits the outcome of push `n`; the returned function takes it and gives back what may be said now. */
  expect(n: number, document: string, bytes: number): (outcome: Outcome) => RelayMessage[] {
    const waiting: Waiting = { n, document, bytes, outcome: null }
    this.#waiting.push(waiting)
    this.#bytes += bytes
    return (outcome) => {
      waiting.outcome = outcome
      return this.#settled()
    }
  }

  #settled(): RelayMessage[] {
    const messages: RelayMessage[] = []
    let lastN: number | null = null
    let seq = 0
    for (let first = this.#waiting[0]; first?.outcome != null; first = this.#waiting[0]) {
      const { n, document, outcome } = first
      if (outcome.type === 'failed') break
      if (outcome.type === 'refused') messages.push({ type: 'refuse', n, document, code: outcome.code, detail: outcome.detail })
      else {
        lastN = n
        seq = Math.max(seq, outcome.seq)
      }
      this.#waiting.shift()
      this.#bytes -= first.bytes
    }
    return lastN === null ? messages : [...messages, { type: 'ack', n: lastN, seq }]
  }
}
