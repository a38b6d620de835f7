/** Which message each prompt of ours is in its runtime, and which session was made for which task. */
import { asc, eq } from 'drizzle-orm'
import type { PromptRecord, SessionBook } from '../core/runtime.ts'
import type { SessionRecord } from '../core/session.ts'
import type { Ledger } from './ledger.ts'
import * as schema from './schema.ts'
import type { Sessions } from './sessions.ts'

const { prompts } = schema

export class Prompts implements SessionBook {
  private readonly ledger: Ledger
  private readonly sessions: Sessions

  constructor(ledger: Ledger, sessions: Sessions) {
    this.ledger = ledger
    this.sessions = sessions
  }

  session(id: string): SessionRecord | null {
    return this.sessions.session(id)
  }

  sessionOfTask(taskId: string): SessionRecord | null {
    return this.sessions.sessionOfTask(taskId)
  }

  /** The watch may have seen the session first: then the row gets its task. Called once for a session. */
  bindSession(session: SessionRecord): void {
    const { id, taskId, runtime, title, workspace } = session
    this.ledger.transact(() => {
      const rows = this.ledger.db.insert(schema.sessions).values(session)
      rows.onConflictDoUpdate({ target: schema.sessions.id, set: { taskId, title, workspace } }).run()
      this.ledger.emit({ type: 'session.opened', taskId, sessionId: id, data: { runtime, title, workspace } })
    })
  }

  prompt(promptId: string): PromptRecord | null {
    return this.ledger.db.select().from(prompts).where(eq(prompts.promptId, promptId)).get() ?? null
  }

  promptOfMessage(messageId: string): string | null {
    const row = this.ledger.db.select().from(prompts).where(eq(prompts.messageId, messageId)).get()
    return row?.promptId ?? null
  }

  promptsOf(sessionId: string): PromptRecord[] {
    return this.ledger.db
      .select()
      .from(prompts)
      .where(eq(prompts.sessionId, sessionId))
      .orderBy(asc(prompts.messageId))
      .all()
  }

  planPrompt(prompt: PromptRecord): void {
    this.ledger.transact(() => {
      const { messageId, sentAt } = prompt
      const row = this.ledger.db.insert(prompts).values(prompt)
      row.onConflictDoUpdate({ target: prompts.promptId, set: { messageId, sentAt } }).run()
    })
  }
}
