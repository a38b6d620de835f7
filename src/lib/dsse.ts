/**
 * DSSE v1 envelopes with Ed25519: bytes, what they are, and who signed them. Stricter than the protocol in one point:
 * base64 has one spelling, so that an envelope has one digest.
 */
import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { canonicalJson } from './canonical.ts'
import { sha256 } from './digest.ts'

export interface Envelope {
  payload: string
  payloadType: string
  signatures: { keyid: string; sig: string }[]
}

export interface Signer {
  keyid: string
  privateKey: KeyObject
}

/** What is signed: type and body with their lengths in bytes, so that neither can grow into the other. */
export function preAuthentication(payloadType: string, body: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${body.length} `
  return Buffer.concat([Buffer.from(head), body])
}

export function signEnvelope(payloadType: string, text: string, signers: readonly Signer[]): Envelope {
  const body = Buffer.from(text)
  const message = preAuthentication(payloadType, body)
  const signatures = signers.map(({ keyid, privateKey }) => ({
    keyid,
    sig: sign(null, message, privateKey).toString('base64'),
  }))
  return { payload: body.toString('base64'), payloadType, signatures }
}

/** The bytes behind base64 in its one standard spelling, or null. */
export function decodeBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : null
}

/** Whether one of the signatures is by this key, over exactly these bytes. */
export function isSignedBy(envelope: Envelope, publicKey: KeyObject): boolean {
  const body = decodeBase64(envelope.payload)
  if (body === null || publicKey.asymmetricKeyType !== 'ed25519') return false
  const message = preAuthentication(envelope.payloadType, body)
  return envelope.signatures.some(({ sig }) => {
    const bytes = decodeBase64(sig)
    return bytes !== null && bytes.length === 64 && verify(null, message, publicKey, bytes)
  })
}

/** Names an envelope in the chain. */
export const digestOf = ({ payload, payloadType, signatures }: Envelope): string =>
  sha256(canonicalJson({ payload, payloadType, signatures: signatures.map(({ keyid, sig }) => ({ keyid, sig })) }))

/** First 16 hex digits of the sha256 of the key (SPKI, DER). */
export const keyIdOf = (publicKey: KeyObject): string =>
  createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 16)

export const pemOf = (publicKey: KeyObject): string => publicKey.export({ type: 'spki', format: 'pem' }).toString()

/** An Ed25519 public key from PEM, or null for anything else, private keys included. */
export function readPublicKey(pem: string): KeyObject | null {
  if (!/^-----BEGIN PUBLIC KEY-----\r?\n/.test(pem.trimStart())) return null
  try {
    const key = createPublicKey(pem)
    return key.asymmetricKeyType === 'ed25519' ? key : null
  } catch {
    return null
  }
}
