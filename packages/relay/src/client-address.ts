/** Whose connection it is, behind proxies or not. */
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

/**
 * The address of the client, as counted and logged.
 *
 * Each trusted proxy adds the address that it was reached from at the end of `X-Forwarded-For`, so with `trustedProxies` of them
 * in front the client's is that many places from the end; what stands before it anybody may have written. With none the header
 * is not looked at.
 */
export function clientAddress({ socket, headers }: IncomingMessage, trustedProxies: number): string {
  const direct = plain(socket.remoteAddress ?? '')
  const header = headers['x-forwarded-for']
  if (trustedProxies === 0 || header === undefined) return direct
  const told = String(header).split(',')
  const address = plain(told.at(-trustedProxies)?.trim() ?? '')
  return isIP(address) === 0 ? direct : address
}

/** IPv4 that was mapped into IPv6 as what it is. */
const plain = (address: string): string => (/^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(address) ? address.slice(7) : address)

/** What addresses are counted by: one host has a whole /64 of IPv6. */
export function addressGroup(address: string): string {
  if (isIP(address) !== 6) return address
  const [head = '', tail] = (address.split('%', 1)[0] ?? '').split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: Math.max(0, 8 - front.length - back.length) }, () => '0')
  const groups = [...front, ...zeros, ...back].slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16))
  return `${groups.join(':')}::/64`
}
