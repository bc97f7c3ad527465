/**
 * The real surroundings: WebSocket, Web Locks, BroadcastChannel and window events.
 *
 * The same globals exist in Node 24, so bots and tests run on it too. Without Web Locks (an insecure
 * origin) every tab leads; the store's cursor rule keeps that safe, and the tabs take turns.
 */
import { guarded, systemClock, systemRandom } from '@tidemark/base'
import type { Connect } from '@tidemark/protocol'
import type { Channel, Lifecycle, Locks, Platform } from './platform.ts'

export function browserPlatform(): Platform {
  return {
    clock: systemClock,
    random: systemRandom,
    connect: connectWebSocket,
    locks: webLocks,
    lifecycle: windowLifecycle,
    openChannel,
    whenIdle,
  }
}

const connectWebSocket: Connect = (url, handlers) => {
  const socket = new WebSocket(url)
  socket.binaryType = 'arraybuffer'
  let isClosed = false
  const closed = (code: number, reason: string): void => {
    if (isClosed) return
    isClosed = true
    handlers.close(code, reason)
  }
  socket.onopen = () => handlers.open()
  socket.onmessage = (event) => {
    if (!isClosed && event.data instanceof ArrayBuffer) handlers.message(new Uint8Array(event.data))
  }
  socket.onclose = (event) => closed(event.code, event.reason)
  return {
    send: (bytes) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(bytes as Uint8Array<ArrayBuffer>)
    },
    close: (code, reason) => {
      socket.close(code, reason)
      // A half-open connection reports its close only after minutes; whoever hangs up is done with it now.
      queueMicrotask(() => closed(code, reason))
    },
    get bufferedBytes() {
      return socket.bufferedAmount
    },
  }
}

const webLocks: Locks = {
  hold(name, held, signal) {
    const locks = (globalThis.navigator as Navigator | undefined)?.locks
    if (locks === undefined) {
      void held()
      return
    }
    locks.request(name, { signal }, held).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
  },
}

const windowLifecycle: Lifecycle = {
  isOnline: () => (globalThis.navigator as Navigator | undefined)?.onLine ?? true,
  listen(listener) {
    if (typeof globalThis.addEventListener !== 'function') return () => {}
    const online = (): void => listener('online')
    const offline = (): void => listener('offline')
    const visible = (): void => {
      if (globalThis.document?.visibilityState === 'visible') listener('visible')
    }
    globalThis.addEventListener('online', online)
    globalThis.addEventListener('offline', offline)
    globalThis.document?.addEventListener('visibilitychange', visible)
    return () => {
      globalThis.removeEventListener('online', online)
      globalThis.removeEventListener('offline', offline)
      globalThis.document?.removeEventListener('visibilitychange', visible)
    }
  },
}

/** Safari has no idle callbacks. */
function whenIdle(run: () => void, atMostMs: number): void {
  if (typeof requestIdleCallback === 'function') requestIdleCallback(() => run(), { timeout: atMostMs })
  else setTimeout(run)
}

function openChannel(name: string, listener: (message: unknown) => void): Channel {
  if (typeof BroadcastChannel === 'undefined') return { post: () => {}, close: () => {} }
  const channel = new BroadcastChannel(name)
  channel.onmessage = (event) => guarded(() => listener(event.data))
  // Node keeps a process alive for an open channel; a tab does not know `unref`.
  ;(channel as { unref?: () => void }).unref?.()
  return { post: (message) => channel.postMessage(message), close: () => channel.close() }
}
