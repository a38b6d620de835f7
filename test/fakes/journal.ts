/** The journal in memory: every row is stored as JSON, so that what a test reads is what a disk would give back. */
import type { Clock } from '../../src/core/clock.ts'
import type { Journal, JournalEntry, SessionRecord, StoredEntry } from '../../src/core/session.ts'

export class MemoryJournal implements Journal {
  private readonly sessions = new Map<string, string>()
  private readonly rows = new Map<string, string[]>()
  private readonly clock: Clock
  private seq = 0
  /** Called after each append, as a store would write its event. */
  onAppend: ((sessionId: string, row: StoredEntry) => void) | null = null

  constructor(clock: Clock) {
    this.clock = clock
  }

  createSession(session: SessionRecord): void {
    if (this.sessions.has(session.id)) throw new Error(`session ${session.id} exists`)
    this.sessions.set(session.id, JSON.stringify(session))
    this.rows.set(session.id, [])
  }

  session(id: string): SessionRecord | null {
    const text = this.sessions.get(id)
    return text ? (JSON.parse(text) as SessionRecord) : null
  }

  setProfile(id: string, profile: string): void {
    const session = this.session(id)
    if (!session) throw new Error(`no session ${id}`)
    this.sessions.set(id, JSON.stringify({ ...session, agent: profile }))
  }

  sessionOfTask(taskId: string): SessionRecord | null {
    const all = [...this.sessions.values()].map((text) => JSON.parse(text) as SessionRecord)
    return all.filter((session) => session.taskId === taskId).at(-1) ?? null
  }

  append(sessionId: string, ...entries: JournalEntry[]): StoredEntry[] {
    const rows = this.rows.get(sessionId)
    if (!rows) throw new Error(`no session ${sessionId}`)
    return entries.map((entry) => {
      this.seq += 1
      const row: StoredEntry = { seq: this.seq, at: this.clock.now(), entry }
      rows.push(JSON.stringify(row))
      this.onAppend?.(sessionId, row)
      return row
    })
  }

  entries(sessionId: string): StoredEntry[] {
    return (this.rows.get(sessionId) ?? []).map((text) => JSON.parse(text) as StoredEntry)
  }
}
