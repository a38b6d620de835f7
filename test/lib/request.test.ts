import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isLoopback } from '../../src/lib/address.ts'
import { sendRequest } from '../../src/lib/request.ts'
import { Receiver } from '../fakes/receiver.ts'

let receiver: Receiver
beforeEach(async () => {
  receiver = await new Receiver().open()
})
afterEach(() => receiver.close())

const get = (url: string, more: object = {}) =>
  sendRequest({ url: new URL(url), method: 'GET', timeoutMs: 1_000, bodyBytesMax: 1_000, ...more })
const byName = () => receiver.url().replace('127.0.0.1', 'localhost')

describe('a request', () => {
  it('gives status, headers and body', async () => {
    const answer = await get(receiver.url('/a'))
    expect(answer).toMatchObject({ kind: 'answer', status: 200, whole: true })
    expect(answer.kind === 'answer' ? String(answer.body) : '').toBe('answer')
  })

  it('reaches a name, whichever of its addresses answers', async () => {
    expect(await get(byName(), { mayConnect: isLoopback })).toMatchObject({ kind: 'answer', status: 200 })
  })

  it.each(['by name', 'by number'])('does not connect %s to an address that is forbidden', async (way) => {
    const answer = await get(way === 'by name' ? byName() : receiver.url(), { mayConnect: () => false })
    expect(answer).toMatchObject({ kind: 'failed', code: 'FORBIDDEN_ADDRESS' })
    expect(receiver.heard).toEqual([])
  })

  it('reads no more than it may', async () => {
    receiver.otherwise = (response) => void response.end('x'.repeat(100_000))
    const answer = await get(receiver.url())
    expect(answer).toMatchObject({ kind: 'answer', whole: false })
    expect(answer.kind === 'answer' ? answer.body.length : 0).toBe(1_000)
  })

  it('ends at its limit, when stopped, and with trouble, always with an outcome', async () => {
    receiver.otherwise = 'silent'
    expect(await get(receiver.url(), { timeoutMs: 50 })).toEqual({ kind: 'timeout' })
    const stop = new AbortController()
    setImmediate(() => stop.abort())
    expect(await get(receiver.url(), { signal: stop.signal })).toEqual({ kind: 'aborted' })
    expect(await get(receiver.url(), { signal: AbortSignal.abort() })).toEqual({ kind: 'aborted' })
    receiver.otherwise = 'reset'
    expect(await get(receiver.url())).toMatchObject({ kind: 'failed' })
    expect(await get('http://no-such-host.invalid/')).toMatchObject({ kind: 'failed' })
  })
})
