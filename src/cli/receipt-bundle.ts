/** A file with receipts: one envelope, a list, JSON lines, or what `openloom receipts --export` wrote. Only reads. */
import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import { payloadType, rotationSchema } from '../core/receipt.ts'
import { parseStrictJson } from '../lib/canonical.ts'
import { sha256 } from '../lib/digest.ts'
import { decodeBase64, type Envelope, isSignedBy, keyIdOf, readPublicKey } from '../lib/dsse.ts'

export const bundleKind = 'openloom-receipts-v1'

const envelopeSchema = z.strictObject({
  payload: z.string().min(1).max(2_000_000),
  payloadType: z.string().max(200),
  signatures: z.array(z.strictObject({ keyid: z.string().max(100), sig: z.string().max(200) })).max(10),
})

const bundleSchema = z.object({
  kind: z.literal(bundleKind),
  /** Only the receipts of this task: links of the chain lie in between. */
  task: z.string().nullable(),
  keys: z
    .array(z.object({ keyid: z.string(), publicKey: z.string().max(1_000), rotation: envelopeSchema.nullable() }))
    .max(10_000),
  envelopes: z.array(z.unknown()).max(1_000_000),
})

export interface BundleKey {
  keyid: string
  key: KeyObject
  /** Whether the key before it vouches for it, and it for that one. */
  linked: boolean
}

export interface Bundle {
  task: string | null
  /** In the order in which they signed. */
  keys: BundleKey[]
  /** Null: what stands there is no envelope. */
  envelopes: (Envelope | null)[]
  faults: string[]
}

/** Null: this is no file with receipts. */
export function parseBundle(text: string): Bundle | null {
  const whole = parseStrictJson(text)
  if (whole === null) {
    const lines = text.split('\n').filter((line) => line.trim() !== '')
    const first = parseStrictJson(lines[0] ?? '')
    if (lines.length < 2 || envelopeOf(first?.value) === null) return null
    return plain(lines.map((line) => parseStrictJson(line)?.value))
  }
  const { value } = whole
  if (Array.isArray(value)) return value.length > 0 && value.some((one) => envelopeOf(one)) ? plain(value) : null
  const single = envelopeOf(value)
  if (single) return plain([single])
  const bundle = bundleSchema.safeParse(value)
  if (!bundle.success) return null
  const { task, envelopes } = bundle.data
  return { ...plain(envelopes), task, ...linkKeys(bundle.data.keys) }
}

const plain = (values: readonly unknown[]): Bundle => ({
  task: null,
  keys: [],
  envelopes: values.map(envelopeOf),
  faults: [],
})

function envelopeOf(value: unknown): Envelope | null {
  const parsed = envelopeSchema.safeParse(value)
  return parsed.success ? parsed.data : null
}

/** Keys as their owner wrote them down; each but the first needs a statement that it and the one before have signed. */
export function linkKeys(
  given: readonly { keyid: string; publicKey: string; rotation: Envelope | null }[],
): Pick<Bundle, 'keys' | 'faults'> {
  const keys: BundleKey[] = []
  const faults: string[] = []
  for (const { keyid, publicKey, rotation } of given) {
    const key = readPublicKey(publicKey)
    if (!key || keyIdOf(key) !== keyid) {
      faults.push(`The key called ${keyid} is not the key that is given with it.`)
      continue
    }
    const before = keys.at(-1)
    const linked = before !== undefined && rotation !== null && isRotation(rotation, before, { keyid, key })
    if (before && !linked) faults.push(`Nothing proves that key ${keyid} follows key ${before.keyid}.`)
    keys.push({ keyid, key, linked })
  }
  return { keys, faults }
}

function isRotation(
  envelope: Envelope,
  before: Pick<BundleKey, 'keyid' | 'key'>,
  after: Pick<BundleKey, 'keyid' | 'key'>,
): boolean {
  if (envelope.payloadType !== payloadType) return false
  if (!isSignedBy(envelope, before.key) || !isSignedBy(envelope, after.key)) return false
  const body = decodeBase64(envelope.payload)?.toString('utf8') ?? ''
  const statement = rotationSchema.safeParse(parseStrictJson(body)?.value)
  if (!statement.success) return false
  const { subject, predicate } = statement.data
  const der = after.key.export({ type: 'spki', format: 'der' })
  return (
    predicate.before === before.keyid && predicate.after === after.keyid && subject[0]?.digest.sha256 === sha256(der)
  )
}
