/** A journal in one file of JSON lines, synced at each row: what a killed process leaves is what the next one reads. */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import type { Clock } from '../../src/core/clock.ts'
import type { Journal, JournalEntry, SessionRecord, StoredEntry } from '../../src/core/session.ts'
import { MemoryJournal } from './journal.ts'

type Line =
  | { session: SessionRecord }
  | { sessionId: string; entries: JournalEntry[] }
  | { sessionId: string; profile: string }

export class FileJournal implements Journal {
  private readonly memory: MemoryJournal
  private readonly file: number

  constructor(path: string, clock: Clock) {
    this.memory = new MemoryJournal(clock)
    const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
    for (const line of text.split('\n').filter(Boolean)) this.replay(JSON.parse(line) as Line)
    this.file = openSync(path, 'a')
  }

  private replay(line: Line): void {
    if ('session' in line) this.memory.createSession(line.session)
    else if ('profile' in line) this.memory.setProfile(line.sessionId, line.profile)
    else this.memory.append(line.sessionId, ...line.entries)
  }

  private write(line: Line): void {
    writeSync(this.file, `${JSON.stringify(line)}\n`)
    fsyncSync(this.file)
  }

  createSession(session: SessionRecord): void {
    this.memory.createSession(session)
    this.write({ session })
  }

  session(id: string): SessionRecord | null {
    return this.memory.session(id)
  }

  setProfile(sessionId: string, profile: string): void {
    this.memory.setProfile(sessionId, profile)
    this.write({ sessionId, profile })
  }

  sessionOfTask(taskId: string): SessionRecord | null {
    return this.memory.sessionOfTask(taskId)
  }

  append(sessionId: string, ...entries: JournalEntry[]): StoredEntry[] {
    const rows = this.memory.append(sessionId, ...entries)
    this.write({ sessionId, entries })
    return rows
  }

  entries(sessionId: string): StoredEntry[] {
    return this.memory.entries(sessionId)
  }

  close(): void {
    closeSync(this.file)
  }
}
