/** Logged-in browsers, by digest of their cookie: a copy of the database logs nobody in. */
import { and, desc, eq, gt, inArray, lt, ne } from 'drizzle-orm'
import type { Ledger } from './ledger.ts'
import * as schema from './schema.ts'

const lifeMs = 30 * 24 * 3600 * 1000
const listMax = 200

export interface Login {
  /** SHA-256 of the cookie, in hex. */
  digest: string
  createdAt: number
  expiresAt: number
}

export class Logins {
  private readonly ledger: Ledger

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  add(digest: string): void {
    const at = this.ledger.clock.now()
    this.ledger.db.delete(schema.logins).where(lt(schema.logins.expiresAt, at)).run()
    this.ledger.db
      .insert(schema.logins)
      .values({ digest, createdAt: at, expiresAt: at + lifeMs })
      .run()
  }

  has(digest: string): boolean {
    const live = and(eq(schema.logins.digest, digest), this.live())
    return this.ledger.db.select().from(schema.logins).where(live).get() !== undefined
  }

  /** The newest first, at most 200. */
  list(): Login[] {
    const { logins } = schema
    return this.ledger.db.select().from(logins).where(this.live()).orderBy(desc(logins.createdAt)).limit(listMax).all()
  }

  end(digests: readonly string[]): void {
    this.ledger.db.delete(schema.logins).where(inArray(schema.logins.digest, digests)).run()
  }

  /** All but this one, however many; null: all. The digests of those that ended. */
  endOthers(digest: string | null): string[] {
    const { logins } = schema
    const others = digest === null ? undefined : ne(logins.digest, digest)
    const ended = this.ledger.db.delete(logins).where(others).returning().all()
    return ended.map((one) => one.digest)
  }

  private live() {
    return gt(schema.logins.expiresAt, this.ledger.clock.now())
  }
}
