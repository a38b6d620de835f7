/** Logged-in browsers, by digest of their cookie: a copy of the database logs nobody in. */
import { and, eq, gt, lt } from 'drizzle-orm'
import type { Ledger } from './ledger.ts'
import * as schema from './schema.ts'

const lifeMs = 30 * 24 * 3600 * 1000

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
    const live = and(eq(schema.logins.digest, digest), gt(schema.logins.expiresAt, this.ledger.clock.now()))
    return this.ledger.db.select().from(schema.logins).where(live).get() !== undefined
  }
}
