import { expect, it } from 'vitest'
import { isLoopback, isPublic } from '../../src/lib/address.ts'

const host = (text: string) => new URL(`http://${text}/`).hostname.replace(/^\[|\]$/g, '')

it.each([
  ['127.0.0.1', 'loopback'],
  ['0x7f.1', 'loopback'],
  ['[::1]', 'loopback'],
  ['[::ffff:127.0.0.1]', 'loopback'],
  ['93.184.216.34', 'public'],
  ['[2606:2800:220:1::1]', 'public'],
  ['0.0.0.0', 'neither'],
  ['10.1.2.3', 'neither'],
  ['172.31.0.1', 'neither'],
  ['192.168.1.1', 'neither'],
  ['169.254.169.254', 'neither'],
  ['100.64.0.1', 'neither'],
  ['224.0.0.1', 'neither'],
  ['255.255.255.255', 'neither'],
  ['[::]', 'neither'],
  ['[::ffff:10.0.0.1]', 'neither'],
  ['[64:ff9b::a00:1]', 'neither'],
  ['[2002:a00:1::]', 'neither'],
  ['[fe80::1]', 'neither'],
  ['[fd00::1]', 'neither'],
])('%s is %s', (text, expected) => {
  const address = host(text)
  expect(isLoopback(address) ? 'loopback' : isPublic(address) ? 'public' : 'neither').toBe(expected)
})
