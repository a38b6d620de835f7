/**
 * Who may come in: a token for programs, a one-time code that becomes a cookie for browsers. Loopback is no identity.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { errnoOf } from '../lib/files.ts'
import type { Login, Logins } from '../store/logins.ts'

const codeLifeMs = 15 * 60_000
const codesMax = 20

const digestOf = (secret: string): string => createHash('sha256').update(secret).digest('hex')

/** The token of this data directory, made (0600, exclusive) when there is none. `given` (OPENLOOM_TOKEN) wins. */
export function readToken(dataDir: string, given: string | undefined): string {
  if (given) return given
  const path = join(dataDir, 'token')
  try {
    const file = openSync(path, 'wx', 0o600)
    try {
      writeSync(file, `${randomBytes(32).toString('base64url')}\n`)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
  const token = readFileSync(path, 'utf8').trim()
  if (token.length < 32) throw new Error(`${path} holds no whole token; delete it and start again`)
  return token
}

export class Auth {
  private readonly tokenDigest: string
  private readonly logins: Logins
  private readonly clock: Clock
  private readonly codes = new Map<string, number>()
  private readonly listeners = new Set<(digest: string) => void>()

  constructor(token: string, logins: Logins, clock: Clock) {
    this.tokenDigest = digestOf(token)
    this.logins = logins
    this.clock = clock
  }

  isToken(given: string): boolean {
    return timingSafeEqual(Buffer.from(digestOf(given)), Buffer.from(this.tokenDigest))
  }

  /** The digest of a cookie that is logged in, or null. */
  loginOf(cookie: string): string | null {
    const digest = digestOf(cookie)
    return this.logins.has(digest) ? digest : null
  }

  /** Every browser but this one; login links that nobody used yet lead nowhere any more. */
  endOthers(digest: string | null): number {
    this.codes.clear()
    const ended = this.logins.endOthers(digest)
    this.tell(ended)
    return ended.length
  }

  /** They see nothing more: what is open to them ends, too. */
  end(logins: readonly Pick<Login, 'digest'>[]): void {
    const digests = logins.map(({ digest }) => digest)
    this.logins.end(digests)
    this.tell(digests)
  }

  private tell(ended: readonly string[]): void {
    for (const digest of ended) for (const listener of this.listeners) listener(digest)
  }

  /** Hears each login that was ended, by its digest. */
  onEnd(listener: (digest: string) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** A code that logs one browser in, once, for a quarter of an hour. */
  newCode(): string {
    const now = this.clock.monotonic()
    for (const [digest, until] of this.codes) if (until < now) this.codes.delete(digest)
    const oldest = this.codes.keys().next().value
    if (this.codes.size >= codesMax && oldest) this.codes.delete(oldest)
    const code = randomBytes(24).toString('base64url')
    this.codes.set(digestOf(code), now + codeLifeMs)
    return code
  }

  /** The cookie for a code, or null; either way the code is used up. */
  redeem(code: string): string | null {
    const digest = digestOf(code)
    const until = this.codes.get(digest)
    this.codes.delete(digest)
    if (until === undefined || until < this.clock.monotonic()) return null
    const cookie = randomBytes(32).toString('base64url')
    this.logins.add(digestOf(cookie))
    return cookie
  }
}
