/** A receipt as it was signed: what it says, and whether the signature is over it. No secret is needed for either. */
import type { Statement } from '../../../src/core/receipt.ts'
import type { ReceiptPage } from '../../../src/server/api.ts'

type Envelope = ReceiptPage['items'][number]['envelope']
type Key = ReceiptPage['keys'][number]
/** `unknown`: this browser cannot check it, or its key is not among those that the daemon has. */
export type Signed = 'right' | 'wrong' | 'unknown'

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))

/** Null: it is no receipt of ours. */
export function statementIn(envelope: Envelope): Statement | null {
  try {
    const said = JSON.parse(new TextDecoder().decode(bytesOf(envelope.payload))) as Partial<Statement>
    return said.predicate?.openloom ? (said as Statement) : null
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof DOMException) return null
    throw error
  }
}

/** What is signed (DSSE v1): type and body with their lengths in bytes. */
function signedBytes(type: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const name = new TextEncoder().encode(type)
  const head = new TextEncoder().encode(`DSSEv1 ${name.length} ${type} ${body.length} `)
  const whole = new Uint8Array(head.length + body.length)
  whole.set(head)
  whole.set(body, head.length)
  return whole
}

const spkiOf = (pem: string) => bytesOf(pem.replace(/-----[^-]+-----/g, '').replace(/\s/g, ''))

export async function checkSignature(envelope: Envelope, keys: readonly Key[]): Promise<Signed> {
  const [signature] = envelope.signatures
  const key = keys.find(({ keyid }) => keyid === signature?.keyid)
  // Without TLS a browser checks signatures for pages of this machine only.
  const subtle = globalThis.crypto.subtle as SubtleCrypto | undefined
  if (!signature || !key || !subtle) return 'unknown'
  try {
    const publicKey = await subtle.importKey('spki', spkiOf(key.publicKey), 'Ed25519', false, ['verify'])
    const message = signedBytes(envelope.payloadType, bytesOf(envelope.payload))
    return (await subtle.verify('Ed25519', publicKey, bytesOf(signature.sig), message)) ? 'right' : 'wrong'
  } catch (error) {
    if (error instanceof DOMException) return error.name === 'InvalidCharacterError' ? 'wrong' : 'unknown'
    throw error
  }
}
