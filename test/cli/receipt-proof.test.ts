/** Receipts in hostile hands: whatever is changed, moved, left out or forged is named; what is whole passes. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseBundle } from '../../src/cli/receipt-bundle.ts'
import { type Proof, prove } from '../../src/cli/receipt-proof.ts'
import { payloadType, type ReceiptFacts, statementOf } from '../../src/core/receipt.ts'
import { canonicalJson } from '../../src/lib/canonical.ts'
import { digestOf, type Envelope, keyIdOf, pemOf, readPublicKey, signEnvelope } from '../../src/lib/dsse.ts'
import { Keyring } from '../../src/store/keyring.ts'
import { draftOf, SigningHouse } from '../fakes/receipts.ts'

let house: SigningHouse
beforeEach(async () => {
  house = new SigningHouse()
  await house.keyring.open()
})
afterEach(() => house.close())

function proofOf(text: string, trusted: KeyObject | null = null): Proof {
  const bundle = parseBundle(text)
  return bundle ? prove(bundle, trusted) : { receipts: [], faults: ['no receipts'], notes: [] }
}
const faultsOf = (envelopes: readonly unknown[]): string[] => proofOf(house.bundle(envelopes)).faults
const publicKey = (): KeyObject => {
  const key = readPublicKey(house.keyring.keys().at(-1)?.publicKey ?? '')
  if (!key) throw new Error('no key')
  return key
}
const payloadOf = (envelope: Envelope): string => Buffer.from(envelope.payload, 'base64').toString()
const withPayload = (envelope: Envelope, text: string): Envelope => ({
  ...envelope,
  payload: Buffer.from(text).toString('base64'),
})
const issue = (count: number): Envelope[] =>
  Array.from({ length: count }, (_, n) => house.issue({ task: { ...draftOf().task, attempt: n + 1 } }))

describe('a chain of receipts', () => {
  it('passes as a bundle, an array and JSON lines, with and without the key of its house', () => {
    const all = issue(4)
    const lines = all.map((one) => JSON.stringify(one)).join('\n')
    expect(proofOf(house.bundle())).toMatchObject({ faults: [], receipts: { length: 4 } })
    for (const text of [house.bundle(), JSON.stringify(all), lines]) {
      expect(proofOf(text, publicKey())).toMatchObject({ faults: [], notes: [], receipts: { length: 4 } })
    }
  })

  it('says in plain words what the key inside the file does not prove', () => {
    issue(1)
    const [note] = proofOf(house.bundle()).notes
    expect(note).toContain('came with the file')
    expect(note).toContain('anybody can make a key')
  })

  it('names a missing link, a changed order, a doubled one, and a cut beginning', () => {
    const [a, b, c, d] = issue(4)
    expect(faultsOf([a, b, d])).toEqual(['Receipt 3 is missing between 2 and 4.'])
    expect(faultsOf([a, d])).toEqual(['Receipts 2 to 3 are missing between 1 and 4.'])
    expect(faultsOf([a, c, b, d])).toContain('Receipt 2 stands behind receipt 3: the order was changed.')
    expect(faultsOf([a, a, b])).toEqual(['Receipt 1 is there twice.'])
    const cut = proofOf(house.bundle([c, d]))
    expect([cut.faults, cut.notes.at(-1)]).toEqual([
      [],
      'The file begins with receipt 3; what came before is not in it.',
    ])
  })

  it('of which nothing is left proves nothing', () => {
    expect(faultsOf([])).toEqual(['The file holds no receipts.'])
  })

  it('of one task may have gaps, but holds no other task', () => {
    const mine = { task: { ...draftOf().task, id: 't_mine' } }
    const [a] = [house.issue(mine), house.issue()]
    const b = house.issue(mine)
    expect(proofOf(house.bundle([a, b], 't_mine')).faults).toEqual([])
    expect(proofOf(house.bundle([a, b], 't_other')).faults).toContain(
      'Receipt 1 is of another task than the file says.',
    )
  })

  it('that was begun anew with the same key does not fit the old one', async () => {
    const [first] = issue(2)
    const facts: ReceiptFacts = { ...draftOf(), seq: 2, prev: 'cd'.repeat(32), log: null }
    const other = signEnvelope(payloadType, canonicalJson(statementOf(facts)), [house.keyring.signer()])
    expect(faultsOf([first, other])).toEqual(['Receipt 2 does not follow this receipt 1, but another one.'])
  })
})

describe('one receipt', () => {
  it('is found changed whichever byte was flipped: payload, type, signature, key id', () => {
    issue(1)
    const [envelope] = house.envelopes()
    if (!envelope) throw new Error('none')
    const text = JSON.stringify(envelope)
    const trusted = publicKey()
    expect(proofOf(text, trusted).faults).toEqual([])
    let missed = 0
    for (let at = 0; at < text.length; at++) {
      for (const bit of [1, 4, 32]) {
        const flipped = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ bit) + text.slice(at + 1)
        const { faults, receipts } = proofOf(flipped, trusted)
        if (faults.length === 0) missed++
        if (faults.length > 0 && receipts.length > 0) throw new Error(`half believed at ${at}`)
      }
    }
    expect(missed).toBe(0)
  })

  it('is refused with another key, another payload, another type, two signatures or none', () => {
    const [envelope] = issue(1)
    if (!envelope) throw new Error('none')
    const forger = generateKeyPairSync('ed25519')
    const forged = signEnvelope(payloadType, payloadOf(envelope), [
      { keyid: envelope.signatures[0]?.keyid ?? '', privateKey: forger.privateKey },
    ])
    const better = withPayload(envelope, payloadOf(envelope).replace('"verified"', '"perfect!"'))
    const signer = house.keyring.signer()
    const [signature] = envelope.signatures
    expect(faultsOf([forged])[0]).toMatch(/the signature does not fit/)
    expect(faultsOf([better])[0]).toMatch(/the signature does not fit/)
    expect(faultsOf([signEnvelope('text/plain', payloadOf(envelope), [signer])])[0]).toMatch(/wrong payloadType/)
    expect(faultsOf([{ ...envelope, signatures: [signature, signature] }])[0]).toMatch(/2 signatures/)
    expect(faultsOf([{ ...envelope, signatures: [] }])[0]).toMatch(/0 signatures/)
    expect(faultsOf([{ ...envelope, extra: 1 }])[0]).toMatch(/no envelope/)
    expect(proofOf(house.bundle([envelope]), forger.publicKey).faults[0]).toMatch(/none of the keys that signed here/)
    expect(proofOf(JSON.stringify(envelope), forger.publicKey).faults[0]).toMatch(/nothing here vouches for/)
  })

  it('is refused when the payload of another one was put into it', () => {
    const [a, b] = issue(2)
    if (!a || !b) throw new Error('none')
    expect(faultsOf([{ ...a, payload: b.payload }, b])[0]).toMatch(/Entry 1: the signature does not fit/)
  })

  it.each([
    ['a key twice', (text: string) => text.replace('{"_type"', '{"_type":"x","_type"')],
    ['spaces', (text: string) => text.replace('{', '{ ')],
    ['other order', (text: string) => JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text)).reverse()))],
    ['no JSON', () => 'verified'],
    ['another predicate', (text: string) => text.replace('test-result/v0.1', 'test-result/v9')],
    ['no subject', (text: string) => text.replace(/"subject":\[.*?\]/, '"subject":[]')],
  ])('signed with %s is no receipt', (_, change) => {
    const [envelope] = issue(1)
    const text = change(payloadOf(envelope as Envelope))
    const [fault] = faultsOf([signEnvelope(payloadType, text, [house.keyring.signer()])])
    expect(fault).toMatch(/canonical JSON|it is no receipt/)
  })
})

describe('a file that is no receipt', () => {
  it.each([
    ['10 MB of noise', () => Buffer.alloc(10_000_000, '\u0007{[" x').toString('latin1')],
    ['10 MB of brackets', () => '['.repeat(10_000_000)],
    ['nested beyond all sense', () => `${'['.repeat(200_000)}${']'.repeat(200_000)}`],
    ['nothing', () => ''],
    ['a list of nothing', () => '[]'],
    ['another JSON', () => '{"payload":1}'],
    ['a string that never ends', () => `"${'\\"'.repeat(2_000_000)}`],
    ['an envelope with a key twice', () => '{"payload":"e30=","payload":"e30=","payloadType":"x","signatures":[]}'],
  ])('is called so: %s', (_, text) => {
    expect(parseBundle(text())).toBeNull()
  })
})

describe('the keys', () => {
  it('are made once, readable only by their owner, and named by their digest', async () => {
    const [key] = house.keyring.keys()
    await house.keyring.open()
    expect(house.keyring.keys()).toEqual([key])
    expect(key?.keyid).toBe(keyIdOf(publicKey()))
    expect(key?.publicKey).toBe(pemOf(publicKey()))
    const file = house.keyring.fileOf(key?.keyid ?? '')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(house.keyring.folder).mode & 0o777).toBe(0o700)
    expect(readPublicKey('-----BEGIN PRIVATE KEY-----\nx')).toBeNull()
  })

  it('rotate: the chain goes on, both keys vouch, and the old private key is gone', async () => {
    issue(2)
    const [first] = house.keyring.keys()
    await house.keyring.rotate()
    issue(2)
    await house.keyring.rotate()
    issue(1)
    const keys = house.keyring.keys()
    expect(keys).toHaveLength(3)
    for (const { publicKey: pem } of keys) {
      const found = proofOf(house.bundle(), readPublicKey(pem))
      expect(found).toMatchObject({ faults: [], receipts: { length: 5 } })
    }
    expect(existsSync(house.keyring.fileOf(first?.keyid ?? ''))).toBe(false)
    expect(readdirSync(house.keyring.folder).filter((name) => name.endsWith('.pem'))).toHaveLength(1)
  })

  it('that nobody vouches for do not get into the chain', async () => {
    const old = house.keyring.signer()
    issue(1)
    const stranger = new SigningHouse()
    await stranger.keyring.open()
    const keys = [...house.keyring.keys(), ...stranger.keyring.keys()]
    const facts: ReceiptFacts = { ...draftOf(), seq: 2, prev: digestOf(house.envelopes()[0] as Envelope), log: null }
    const text = canonicalJson(statementOf(facts))
    const forged = signEnvelope(payloadType, text, [stranger.keyring.signer()])
    const bundle = { ...JSON.parse(house.bundle([house.envelopes()[0], forged])), keys }
    const [last] = stranger.keyring.keys()
    expect(proofOf(JSON.stringify(bundle)).faults).toEqual([
      `Nothing proves that key ${last?.keyid} follows key ${old.keyid}.`,
    ])
    expect(proofOf(JSON.stringify(bundle), publicKey()).faults).toContainEqual(expect.stringMatching(/vouches for/))
    stranger.close()
  })

  it('that were replaced sign nothing any more', async () => {
    issue(1)
    const old = house.keyring.signer()
    await house.keyring.rotate()
    issue(1)
    const facts: ReceiptFacts = { ...draftOf(), seq: 3, prev: digestOf(house.envelopes()[1] as Envelope), log: null }
    const late = signEnvelope(payloadType, canonicalJson(statementOf(facts)), [old])
    expect(faultsOf([...house.envelopes(), late])).toEqual([
      `Receipt 3 is signed with key ${old.keyid}, which had been replaced before receipt 2.`,
    ])
  })

  it('are rotated by one of two who try at the same time', async () => {
    const another = new Keyring(house.folder, house.clock)
    const tried = await Promise.allSettled([house.keyring.rotate(), another.rotate()])
    expect(tried.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(house.keyring.keys()).toHaveLength(2)
    issue(1)
    expect(proofOf(house.bundle()).faults).toEqual([])
  })
})
