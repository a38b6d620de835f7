/**
 * What a file with receipts proves: signatures, shape, the chain, who vouches for which key. Pure; needs no daemon, no
 * store and no network, and names each thing that is wrong.
 */
import type { KeyObject } from 'node:crypto'
import { payloadType, type ReceiptFacts, statementSchema } from '../core/receipt.ts'
import { canonicalJson, parseStrictJson } from '../lib/canonical.ts'
import { decodeBase64, digestOf, type Envelope, isSignedBy, keyIdOf } from '../lib/dsse.ts'
import type { Bundle, BundleKey } from './receipt-bundle.ts'

export interface ProvenReceipt {
  facts: ReceiptFacts
  digest: string
  keyid: string
}

export interface Proof {
  /** Those that are what was signed; their place in the chain may still be at fault. */
  receipts: ProvenReceipt[]
  faults: string[]
  /** What this does not prove. */
  notes: string[]
}

const faultsMax = 50

/** `trusted`: the key that the reader knows from elsewhere; null: only the keys of the file. */
export function prove(bundle: Bundle, trusted: KeyObject | null): Proof {
  const { keys, faults, notes } = keysToUse(bundle, trusted)
  const proof: Proof = { receipts: [], faults: [...bundle.faults, ...faults], notes }
  if (bundle.envelopes.length === 0) proof.faults.push('The file holds no receipts.')
  let last: { receipt: ProvenReceipt; at: number } | null = null
  for (const [at, envelope] of bundle.envelopes.entries()) {
    if (proof.faults.length >= faultsMax) break
    const found = open(envelope, keys, at)
    if (typeof found === 'string') {
      proof.faults.push(found)
      continue
    }
    // A gap where something unreadable stands has been named already.
    if (last) proof.faults.push(...linkFaults(last.receipt, found, { keys, near: last.at === at - 1, bundle }))
    else proof.notes.push(...beginning(found, proof.faults))
    if (bundle.task !== null && found.facts.task.id !== bundle.task) {
      proof.faults.push(`Receipt ${found.facts.seq} is of another task than the file says.`)
    }
    proof.receipts.push(found)
    last = { receipt: found, at }
  }
  if (bundle.task !== null) proof.notes.push('The file holds one task: other receipts lie between its links.')
  return proof
}

interface Keys {
  keys: readonly BundleKey[]
  faults: string[]
  notes: string[]
}

/** Of the keys in the file, those that are tied to the trusted one by rotations that both sides signed. */
function keysToUse({ keys }: Bundle, trusted: KeyObject | null): Keys {
  if (trusted === null) {
    const ids = keys.map((one) => one.keyid).join(', ')
    const note = `The key (${ids}) came with the file: nothing was changed since it signed, but anybody can make a key.`
    return {
      keys,
      faults: [],
      notes: [note, 'Compare it with `openloom key show` where it was signed, or give --key.'],
    }
  }
  const keyid = keyIdOf(trusted)
  const own = keys.findIndex((one) => one.keyid === keyid)
  if (own < 0) {
    const faults = keys.length > 0 ? [`The given key ${keyid} is none of the keys that signed here.`] : []
    return { keys: [{ keyid, key: trusted, linked: false }], faults, notes: [] }
  }
  let from = own
  while (from > 0 && keys[from]?.linked) from--
  let to = own
  while (keys[to + 1]?.linked) to++
  return { keys: keys.slice(from, to + 1), faults: [], notes: [] }
}

/** The receipt that an envelope holds, or what is wrong with it. */
function open(envelope: Envelope | null, keys: readonly BundleKey[], at: number): ProvenReceipt | string {
  const place = `Entry ${at + 1}`
  if (envelope === null) return `${place} is no envelope, or holds more than one has.`
  const [signature, another] = envelope.signatures
  if (!signature || another) return `${place} has ${envelope.signatures.length} signatures instead of one.`
  if (envelope.payloadType !== payloadType) return `${place} holds something else than a statement (wrong payloadType).`
  const body = decodeBase64(envelope.payload)
  if (body === null) return `${place}: the payload is not base64 as it was written.`
  const { keyid } = signature
  const key = keys.find((one) => one.keyid === keyid)
  if (!key) return `${place} names a key that nothing here vouches for (${keyid.slice(0, 40)}).`
  if (!isSignedBy(envelope, key.key)) {
    return `${place}: the signature does not fit; it was changed after it was signed, or key ${keyid} never signed it.`
  }
  const text = body.toString('utf8')
  const json = parseStrictJson(text)
  if (json === null || canonicalJson(json.value) !== text) return `${place}: the payload is not canonical JSON.`
  const statement = statementSchema.safeParse(json.value)
  if (!statement.success) {
    const path = statement.error.issues[0]?.path.join('.') ?? ''
    return `${place} is signed, but it is no receipt (${path || 'shape'}).`
  }
  const facts = statement.data.predicate.openloom
  return { facts, digest: digestOf(envelope), keyid }
}

function beginning({ facts }: ProvenReceipt, faults: string[]): string[] {
  if ((facts.seq === 1) !== (facts.prev === null)) faults.push(`Receipt ${facts.seq} has no place in a chain.`)
  return facts.seq === 1 ? [] : [`The file begins with receipt ${facts.seq}; what came before is not in it.`]
}

function linkFaults(
  before: ProvenReceipt,
  { facts, keyid }: ProvenReceipt,
  { keys, near, bundle }: { keys: readonly BundleKey[]; near: boolean; bundle: Bundle },
): string[] {
  const [a, b] = [before.facts.seq, facts.seq]
  const faults: string[] = []
  const place = (id: string) => keys.findIndex((one) => one.keyid === id)
  if (b === a) faults.push(`Receipt ${b} is there twice.`)
  else if (b < a) faults.push(`Receipt ${b} stands behind receipt ${a}: the order was changed.`)
  else if (b === a + 1 && facts.prev !== before.digest) {
    faults.push(`Receipt ${b} does not follow this receipt ${a}, but another one.`)
  } else if (b > a + 1 && near && bundle.task === null) {
    const gone = b === a + 2 ? `Receipt ${a + 1} is` : `Receipts ${a + 1} to ${b - 1} are`
    faults.push(`${gone} missing between ${a} and ${b}.`)
  }
  if (b > a && place(keyid) < place(before.keyid)) {
    faults.push(`Receipt ${b} is signed with key ${keyid}, which had been replaced before receipt ${a}.`)
  }
  return faults
}
