/**
 * Finds words in what was said in sessions of our own agent, and in the titles of all sessions. The index is filled
 * when somebody searches, a portion at a time, so that writing the journal costs nothing for it.
 */
import { and, desc, sql } from 'drizzle-orm'
import { type StoredEntry, withoutUndone } from '../core/session.ts'
import type { Ledger } from './ledger.ts'
import { holds } from './like.ts'
import * as schema from './schema.ts'

export interface TextHit {
  sessionId: string
  seq: number
  at: number
  /** A part of the text, in pieces: those that were found are marked. */
  pieces: { text: string; found: boolean }[]
}

/** A session of any runtime that has the words in its title. */
export type TitleHit = Pick<typeof schema.sessions.$inferSelect, 'id' | 'title' | 'workspace'>

export interface TextHits {
  hits: TextHit[]
  /** The index does not yet hold everything: older sessions are all in it, the newest rows are not. */
  partial: boolean
}

const portionRows = 2_000
const fillRowsMax = 40_000
const textCharsMax = 20_000
const wordsMax = 16
const [joint, open, close] = ['\u0001', '\u0002', '\u0003']
/** Scripts that put no spaces between words, or glue endings to them: each letter is a word of the index. */
const letters = ['Han', 'Hiragana', 'Katakana', 'Bopomofo', 'Hangul', 'Thai', 'Lao', 'Khmer', 'Myanmar']
const unspaced = `[${letters.map((script) => `\\p{scx=${script}}`).join('')}]`
const edges = new RegExp(`(?<=${unspaced})|(?=${unspaced})`, 'gu')
const splitLetters = (text: string): string => text.replace(edges, joint)

export class JournalSearch {
  private readonly ledger: Ledger

  constructor(ledger: Ledger) {
    this.ledger = ledger
    const split = (text: string | null) => text && splitLetters(text)
    ledger.db.$client.function('split_letters', { deterministic: true }, split)
  }

  /** Sessions of all runtimes whose title holds every word, the last touched first. */
  titled(query: string, limit: number): TitleHit[] {
    const { sessions } = schema
    const words = wordsOf(query)
    if (words.length === 0) return []
    const { id, title, workspace } = sessions
    const found = this.ledger.db.select({ id, title, workspace }).from(sessions)
    const where = and(...words.map((word) => holds(title, word)))
    return found.where(where).orderBy(desc(sessions.updatedAt), desc(id)).limit(limit).all()
  }

  find(query: string, limit: number): TextHits {
    const partial = !this.fill()
    const match = matchOf(query)
    if (match === null) return { hits: [], partial }
    // Of words that are single letters more make a line.
    const length = sql`iif(instr(journal_text.text, ${joint}), 48, 16)`
    const rows = this.ledger.db.all<{ session_id: string; seq: number; at: number; part: string }>(sql`
      select j.session_id, j.seq, j.at, snippet(journal_text, 0, ${open}, ${close}, '…', ${length}) as part
      from journal_text join journal j on j.seq = journal_text.rowid
      where journal_text match ${match} order by rank limit ${limit}`)
    const hits = rows.map((row) => ({
      ...{ sessionId: row.session_id, seq: row.seq, at: row.at, pieces: piecesOf(row.part) },
    }))
    return { hits, partial }
  }

  /** True when every row is in the index. */
  private fill(): boolean {
    for (let filled = 0; filled < fillRowsMax; filled += portionRows) {
      if (this.ledger.transact(() => this.fillPortion(), false)) return true
    }
    return false
  }

  private fillPortion(): boolean {
    const { db } = this.ledger
    const from = db.get<{ seq: number }>(sql`select coalesce(max(rowid), 0) as seq from journal_text`).seq
    // What was said into a turn, and what a person ran, is what they will look for too.
    const said = sql`json_extract(entry, '$.type') in ('prompt', 'assistant', 'steer', 'undone')`
    const after = sql`seq > ${from} and (${said} or json_extract(entry, '$.ran') is not null)`
    const { changes } = db.run(sql`
      insert into journal_text (rowid, text, session_id)
      select seq, split_letters(substr(json_extract(entry, '$.text'), 1, ${textCharsMax})), session_id
      from journal where ${after} order by seq limit ${portionRows}`)
    // The row that takes a turn back says nothing itself.
    const undone = db.all<{ seq: number; sessionId: string }>(
      sql`select rowid as seq, session_id as sessionId from journal_text where rowid > ${from} and text is null`,
    )
    for (const row of undone) this.takeBack(row)
    return changes < portionRows
  }

  /** Rows of the index are emptied, not deleted: the last of them says how far it is filled. */
  private takeBack({ seq, sessionId }: { seq: number; sessionId: string }): void {
    const { db } = this.ledger
    const { journal } = schema
    const rows: StoredEntry[] = db
      .select()
      .from(journal)
      .where(sql`${journal.sessionId} = ${sessionId} and ${journal.seq} <= ${seq}`)
      .orderBy(journal.seq)
      .all()
    const left = new Set(withoutUndone(rows, ({ entry }) => entry))
    const gone = JSON.stringify(rows.filter((row) => !left.has(row)).map((row) => row.seq))
    db.run(sql`update journal_text set text = '' where text <> '' and rowid in (select value from json_each(${gone}))`)
  }
}

/** Every word as a phrase of its own, so that nothing in it is an operator; the last one may be a beginning. */
export function matchOf(query: string): string | null {
  const words = wordsOf(query).map((word) => `"${splitLetters(word).replaceAll('"', '""')}"`)
  return words.length === 0 ? null : `${words.join(' ')}*`
}

const wordsOf = (query: string): string[] =>
  query
    .replaceAll('\0', ' ')
    .split(/\s+/)
    .filter((word) => /[\p{L}\p{N}]/u.test(word))
    .slice(0, wordsMax)

function piecesOf(part: string): TextHit['pieces'] {
  const plain = part.replaceAll(joint, '')
  return plain.split(open).flatMap((piece, index) => {
    const [found = '', ...rest] = index === 0 ? ['', piece] : piece.split(close)
    const texts = [
      { text: found, found: true },
      { text: rest.join(''), found: false },
    ]
    return texts.filter(({ text }) => text !== '')
  })
}
