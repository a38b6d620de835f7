/**
 * Where a host name leads, taken only when that is the public internet. Who connects does so to exactly what was
 * judged.
 */
import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns'
import { isIP } from 'node:net'
import { ok, type Result, reasonOf, refuse } from '../core/problem.ts'
import { isPublic } from './address.ts'

export interface PublicAddress {
  address: string
  family: 4 | 6
}

const answerMs = 10_000

type Resolved = LookupAddress[] | Error

function resolveAll(host: string): Promise<Resolved> {
  return new Promise((resolve) => {
    const limit = setTimeout(() => resolve(new Error(`no answer in ${answerMs} ms`)), answerMs)
    systemLookup(host, { all: true }, (error, found) => {
      clearTimeout(limit)
      resolve(error ?? found)
    })
  })
}

/** Names are judged after they are resolved: one may lead to an inner address the next time. */
export async function publicAddressOf(name: string): Promise<Result<PublicAddress>> {
  const host = name.replace(/^\[(.*)\]$/, '$1')
  const family = isIP(host)
  const found = family === 0 ? await resolveAll(host) : [{ address: host, family }]
  if (found instanceof Error) {
    return refuse({ kind: 'name-unresolved', text: `The name ${host} cannot be resolved: ${reasonOf(found)}.` })
  }
  const good = found.find((one) => isPublic(one.address))
  if (good) return ok({ address: good.address, family: good.family === 6 ? 6 : 4 })
  const text = `${host} leads to ${found[0]?.address ?? 'nothing'}, which is no public address.`
  return refuse({ kind: 'inner-address', text })
}

type Answer = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void

/** For `lookup` of net.connect and of clients built on it; an inner address is an error with the code EACCES. */
export function guardedLookup(host: string, options: LookupOptions, answer: Answer): void {
  void publicAddressOf(host).then((found) => {
    if (!found.ok) return answer(Object.assign(new Error(found.problems[0]?.text), { code: 'EACCES' }), [])
    const { address, family } = found.value
    if (options.all) answer(null, [{ address, family }])
    else answer(null, address, family)
  })
}
