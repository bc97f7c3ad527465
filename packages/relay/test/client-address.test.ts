import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { addressGroup, clientAddress } from '../src/client-address.ts'

const from = (remoteAddress: string, forwarded?: string): IncomingMessage =>
  ({ socket: { remoteAddress }, headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded } }) as unknown as IncomingMessage

test.each([
  ['without proxies the header is not looked at', from('9.9.9.9', '1.1.1.1'), 0, '9.9.9.9'],
  ['the last address is what the one proxy saw', from('127.0.0.1', '6.6.6.6, 1.1.1.1'), 1, '1.1.1.1'],
  ['behind two the one before', from('127.0.0.1', '6.6.6.6, 1.1.1.1,10.0.0.1'), 2, '1.1.1.1'],
  ['a header that is too short says nothing', from('10.0.0.2', '1.1.1.1'), 2, '10.0.0.2'],
  ['nor does one that holds no address', from('10.0.0.2', 'evil'), 1, '10.0.0.2'],
  ['mapped IPv4 is IPv4', from('::ffff:9.9.9.9'), 0, '9.9.9.9'],
  ['IPv6 stays', from('127.0.0.1', '2001:db8::1'), 1, '2001:db8::1'],
])('%s', (_, request, proxies, expected) => {
  expect(clientAddress(request, proxies)).toBe(expected)
})

test.each([
  ['1.2.3.4', '1.2.3.4'],
  ['2001:db8:0:1:aaaa::1', '2001:db8:0:1::/64'],
  ['2001:0db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['', ''],
])('addresses are counted by host: %s as %s', (address, group) => {
  expect(addressGroup(address)).toBe(group)
})
