/**
 * Finds words in what was said in sessions of our own agent. The index is filled when somebody searches, a portion at a
 * time, so that writing the journal costs nothing for it.
 */
import { sql } from 'drizzle-orm'
import type { Ledger } from './ledger.ts'

export interface TextHit {
  sessionId: string
  seq: number
  at: number
  /** A part of the text, in pieces: those that were found are marked. */
  pieces: { text: string; found: boolean }[]
}

export interface TextHits {
  hits: TextHit[]
  /** The index does not yet hold everything: older sessions are all in it, the newest rows are not. */
  partial: boolean
}

const portionRows = 2_000
const fillRowsMax = 40_000
const textCharsMax = 20_000
const wordsMax = 16
const [open, close] = ['\u0002', '\u0003']

export class JournalSearch {
  private readonly ledger: Ledger

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  find(query: string, limit: number): TextHits {
    const partial = !this.fill()
    const match = matchOf(query)
    if (match === null) return { hits: [], partial }
    const rows = this.ledger.db.all<{ session_id: string; seq: number; at: number; part: string }>(sql`
      select j.session_id, j.seq, j.at, snippet(journal_text, 0, ${open}, ${close}, '…', 16) as part
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
    const said = sql`json_extract(entry, '$.type') in ('prompt', 'assistant', 'steer')`
    const after = sql`seq > ${from} and (${said} or json_extract(entry, '$.ran') is not null)`
    const { changes } = db.run(sql`
      insert into journal_text (rowid, text, session_id)
      select seq, substr(json_extract(entry, '$.text'), 1, ${textCharsMax}), session_id
      from journal where ${after} order by seq limit ${portionRows}`)
    return changes < portionRows
  }
}

/** Every word as a phrase of its own, so that nothing in it is an operator; the last one may be a beginning. */
export function matchOf(query: string): string | null {
  const words = query
    .replaceAll('\0', ' ')
    .split(/\s+/)
    .filter((word) => /[\p{L}\p{N}]/u.test(word))
    .slice(0, wordsMax)
  return words.length === 0 ? null : `${words.map((word) => `"${word.replaceAll('"', '""')}"`).join(' ')}*`
}

function piecesOf(part: string): TextHit['pieces'] {
  return part.split(open).flatMap((piece, index) => {
    const [found = '', ...rest] = index === 0 ? ['', piece] : piece.split(close)
    const texts = [
      { text: found, found: true },
      { text: rest.join(''), found: false },
    ]
    return texts.filter(({ text }) => text !== '')
  })
}
