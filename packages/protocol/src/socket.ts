/**
 * The one way bytes travel, as a port: browser and Node sockets, and the simulator's network, stand behind it.
 *
 * Messages arrive whole and in order, or the socket closes. `close` is called once, also when the
 * socket never opened.
 */
export interface Socket {
  /** Hands `bytes` over; after a close this does nothing. */
  send(bytes: Uint8Array): void
  /** Ends the connection; the handlers hear `close` later, never from within this call. */
  close(code: number, reason: string): void
  /** Bytes handed over but not yet taken by the network. */
  readonly bufferedBytes: number
}

export interface SocketHandlers {
  open(): void
  message(bytes: Uint8Array): void
  close(code: number, reason: string): void
}

/** Dials `url`; the handlers are never called from within this call. */
export type Connect = (url: string, handlers: SocketHandlers) => Socket

/** Close codes of this protocol, in the range that stock y-websocket clients take as final (4400 to 4499) where they are. */
export const closeCodes = {
  normal: 1000,
  restart: 1012,
  busy: 1013,
  malformed: 4400,
  signedOut: 4401,
  forbidden: 4403,
  notFound: 4404,
  timeout: 4408,
  version: 4409,
  gone: 4410,
  tooLarge: 4413,
} as const
