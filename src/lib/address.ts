/** Which networks an IP address belongs to, in every form that reaches one (mapped, translated, tunnelled). */
import { BlockList, isIPv6 } from 'node:net'

const listOf = (v4: readonly string[], v6: readonly string[]): BlockList => {
  const list = new BlockList()
  for (const [family, nets] of [['ipv4', v4] as const, ['ipv6', v6] as const]) {
    for (const net of nets) {
      const [address = '', prefix] = net.split('/')
      list.addSubnet(address, Number(prefix), family)
    }
  }
  return list
}

const loopback = listOf(['127.0.0.0/8'], ['::1/128'])

/** Not the public internet: private, link-local (cloud metadata), shared, test, multicast, and v6 that wraps v4. */
const inner = listOf(
  [
    ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
    ...['192.0.2.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/3'],
  ],
  [
    ...['::/96', '64:ff9b::/96', '64:ff9b:1::/48', '100::/64', '2001::/23', '2001:db8::/32', '2002::/16'],
    ...['fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
  ],
)

/** The plain form of an IPv4 address that is written as IPv6. */
const unmapped = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')

const isIn = (list: BlockList, address: string): boolean => {
  const plain = unmapped(address)
  return list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4')
}

export const isLoopback = (address: string): boolean => isIn(loopback, address)
export const isPublic = (address: string): boolean => !isIn(inner, address)
