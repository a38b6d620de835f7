/** A receipt on the page: what it says, and whether its signature is over that. */
import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { checkSignature, statementIn } from '../../frontend/src/model/receipt.ts'
import { keyIdOf, pemOf, signEnvelope } from '../../src/lib/dsse.ts'

const made = () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const keyid = keyIdOf(publicKey)
  const text = JSON.stringify({ predicate: { result: 'PASSED', openloom: { verdict: 'verified', title: 'Grüße' } } })
  const envelope = signEnvelope('application/vnd.in-toto+json', text, [{ keyid, privateKey }])
  const key = { keyid, publicKey: pemOf(publicKey), madeAt: '2026-11-21T00:00:00Z', rotation: null }
  return { envelope, key }
}

describe('a receipt', () => {
  it('is right as it was signed, and says what it says', async () => {
    const { envelope, key } = made()
    expect(await checkSignature(envelope, [key])).toBe('right')
    expect(statementIn(envelope)?.predicate.openloom).toMatchObject({ verdict: 'verified', title: 'Grüße' })
  })
  it('is wrong once a byte of it, or of its type, is another', async () => {
    const { envelope, key } = made()
    const payload = btoa(atob(envelope.payload).replace('PASSED', 'FAILED'))
    expect(await checkSignature({ ...envelope, payload }, [key])).toBe('wrong')
    expect(await checkSignature({ ...envelope, payloadType: 'text/plain' }, [key])).toBe('wrong')
    expect(await checkSignature({ ...envelope, payload: '***' }, [key])).toBe('wrong')
  })
  it('by a key that is not there is unknown, and never right', async () => {
    const { envelope } = made()
    expect(await checkSignature(envelope, [made().key])).toBe('unknown')
    expect(await checkSignature({ ...envelope, signatures: [] }, [made().key])).toBe('unknown')
  })
  it('that is none says nothing', () => {
    const { envelope } = made()
    expect(statementIn({ ...envelope, payload: '***' })).toBeNull()
    expect(statementIn({ ...envelope, payload: btoa('{}') })).toBeNull()
  })
})
