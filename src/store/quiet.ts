/**
 * How long busy sessions have been quiet, and what was done about it: columns of the session's row, so that count and
 * latch survive a restart. It judges nothing.
 */
import { and, count, eq, gt, isNotNull, isNull, or } from 'drizzle-orm'
import type { NewEvent } from '../core/event.ts'
import type { Ledger } from './ledger.ts'
import * as schema from './schema.ts'

const { sessions } = schema

const columns = {
  quietChecks: sessions.quietChecks,
  quietSince: sessions.quietSince,
  quietMark: sessions.quietMark,
  stalledAt: sessions.stalledAt,
  rescues: sessions.rescues,
  diagnosis: sessions.diagnosis,
}

export type Quiet = Pick<typeof sessions.$inferSelect, keyof typeof columns>

export const notQuiet: Quiet = {
  ...{ quietChecks: 0, quietSince: null, quietMark: null, stalledAt: null, rescues: 0, diagnosis: null },
}

/** What is known of a session of which no runtime told (yet). */
export interface SessionPlace {
  id: string
  runtime: string
  title: string
  workspace: string
  taskId: string | null
}

const depthMax = 50

export class QuietSessions {
  private readonly ledger: Ledger

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  get(id: string): Quiet {
    return this.ledger.db.select(columns).from(sessions).where(eq(sessions.id, id)).get() ?? notQuiet
  }

  place(id: string): SessionPlace | null {
    const { runtime, title, workspace, taskId } = sessions
    const place = { id: sessions.id, runtime, title, workspace, taskId }
    return this.ledger.db.select(place).from(sessions).where(eq(sessions.id, id)).get() ?? null
  }

  /** The session at the top of the tree; itself when no parent is known. */
  rootOf(id: string): string {
    let root = id
    for (let depth = 0; depth < depthMax; depth++) {
      const query = this.ledger.db.select({ parentId: sessions.parentId }).from(sessions).where(eq(sessions.id, root))
      const parentId = query.get()?.parentId ?? null
      if (parentId === null) return root
      root = parentId
    }
    return root
  }

  /** Sessions whose count or latch is not at rest: a restarted daemon goes on with them. */
  unsettled(): SessionPlace[] {
    const { id, runtime, title, workspace, taskId } = sessions
    const moving = or(gt(sessions.quietChecks, 0), isNotNull(sessions.stalledAt))
    return this.ledger.db.select({ id, runtime, title, workspace, taskId }).from(sessions).where(moving).all()
  }

  /** Those that hang right now. */
  stalledCount(): number {
    const hanging = and(isNotNull(sessions.stalledAt), isNull(sessions.goneAt))
    return this.ledger.db.select({ n: count() }).from(sessions).where(hanging).get()?.n ?? 0
  }

  /** Counts are written often and harmless to lose in a power cut; what has an event is not. */
  save(place: SessionPlace, patch: Partial<Quiet>, event: NewEvent | null = null): void {
    this.ledger.transact(() => {
      const row = { ...place, createdAt: this.ledger.clock.now(), ...patch }
      const target = sessions.id
      this.ledger.db.insert(sessions).values(row).onConflictDoUpdate({ target, set: patch }).run()
      if (event) this.ledger.emit(event)
    }, event !== null)
  }

  /** One more rescue, noted before it is tried; gives its number. */
  rescue(place: SessionPlace): number {
    return this.ledger.transact(() => {
      const rescues = this.get(place.id).rescues + 1
      this.save(place, { rescues })
      return rescues
    })
  }
}
