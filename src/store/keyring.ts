/**
 * The keys that sign receipts: files beside the database. The first key is `first.json`, the one that followed it
 * `after-<key id>.json`, made in one step and never changed, so that two rotations at a time cannot both win. A private
 * key lies in `<key id>.pem` as long as it is the current one, and never leaves this file.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { chmod, mkdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { ProblemError, reasonOf } from '../core/problem.ts'
import { payloadType, rotationType, statementType } from '../core/receipt.ts'
import { canonicalJson } from '../lib/canonical.ts'
import { sha256 } from '../lib/digest.ts'
import { type Envelope, keyIdOf, pemOf, type Signer, signEnvelope } from '../lib/dsse.ts'
import { errnoOf, ignoreMissing, writeAtomic } from '../lib/files.ts'

/** What everybody may know of a key. */
export interface PublicKey {
  keyid: string
  /** SPKI as PEM. */
  publicKey: string
  madeAt: string
  /** That it follows the key before it: signed by both. Null for the first. */
  rotation: Envelope | null
}

const keysMax = 10_000

export class Keyring {
  readonly folder: string
  private readonly clock: Clock
  private cached: { file: string; signer: Signer } | null = null

  constructor(dataDir: string, clock: Clock) {
    this.folder = join(dataDir, 'keys')
    this.clock = clock
  }

  /** Makes the first key when there is none. */
  async open(): Promise<void> {
    if (this.keys().length > 0) return
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    await chmod(this.folder, 0o700)
    await this.add('first.json', null)
  }

  /** Oldest first; the last is the current one. */
  keys(): PublicKey[] {
    const found: PublicKey[] = []
    for (let name = 'first.json'; found.length < keysMax; name = `after-${found.at(-1)?.keyid}.json`) {
      const text = this.read(name)
      if (text === null) break
      found.push(JSON.parse(text) as PublicKey)
    }
    return found
  }

  fileOf = (keyid: string): string => join(this.folder, `${keyid}.pem`)

  /** The current key, ready to sign. Throws a ProblemError when it cannot be used. */
  signer(): Signer {
    const current = this.keys().at(-1)
    if (!current) throw new ProblemError(noKey(`${this.folder} holds none`))
    const { keyid } = current
    if (this.cached?.signer.keyid === keyid && this.read(`${keyid}.pem`) === this.cached.file) return this.cached.signer
    const file = this.read(`${keyid}.pem`)
    if (file === null) throw new ProblemError(noKey(`${this.fileOf(keyid)} is missing`))
    let privateKey: KeyObject
    try {
      privateKey = createPrivateKey(file)
    } catch (error) {
      throw new ProblemError(noKey(`${this.fileOf(keyid)} is damaged (${reasonOf(error)})`))
    }
    const signer = { keyid, privateKey }
    this.cached = { file, signer }
    return signer
  }

  /** A new key signs from now on. Both keys sign that one follows the other, and the old private key is destroyed. */
  async rotate(): Promise<PublicKey> {
    const before = this.signer()
    const added = await this.add(`after-${before.keyid}.json`, before)
    await unlink(this.fileOf(before.keyid)).catch(ignoreMissing)
    return added
  }

  private async add(name: string, before: Signer | null): Promise<PublicKey> {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    const keyid = keyIdOf(publicKey)
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    await writeAtomic(this.fileOf(keyid), pem, { mode: 0o600, exclusive: true })
    const madeAt = new Date(this.clock.now()).toISOString()
    const der = publicKey.export({ type: 'spki', format: 'der' })
    const rotation = before && rotationOf(before, { keyid, privateKey }, { sha256: sha256(der), at: madeAt })
    const record: PublicKey = { keyid, publicKey: pemOf(publicKey), madeAt, rotation }
    try {
      await writeAtomic(join(this.folder, name), `${canonicalJson(record)}\n`, { mode: 0o600, exclusive: true })
    } catch (error) {
      await unlink(this.fileOf(keyid)).catch(ignoreMissing)
      if (errnoOf(error) !== 'EEXIST') throw error
      if (before) throw new ProblemError({ kind: 'rotated-meanwhile', text: 'Another rotation came first.' })
    }
    return record
  }

  private read(name: string): string | null {
    try {
      return readFileSync(join(this.folder, name), 'utf8')
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return null
      throw new ProblemError(noKey(reasonOf(error)))
    }
  }
}

function rotationOf(before: Signer, after: Signer, made: { sha256: string; at: string }): Envelope {
  const statement = {
    _type: statementType,
    subject: [{ name: `key ${after.keyid}`, digest: { sha256: made.sha256 } }],
    predicateType: rotationType,
    predicate: { before: before.keyid, after: after.keyid, at: made.at },
  }
  return signEnvelope(payloadType, canonicalJson(statement), [before, after])
}

const noKey = (why: string) => ({
  kind: 'no-signing-key',
  text: `The key that signs receipts cannot be used: ${why}.`,
  todo: 'Put the folder back from a backup; receipts that were signed before stay valid.',
})
