/**
 * The event log as a chain: each row carries the hash of itself and of the row before, so that whoever changes, removes
 * or moves a row breaks every later one. Says where it breaks first; repairs nothing.
 */
import { hash, type KeyObject } from 'node:crypto'
import Database from 'better-sqlite3'
import { z } from 'zod'
import { statementSchema } from '../core/receipt.ts'
import { canonicalJson, parseStrictJson } from '../lib/canonical.ts'
import { decodeBase64, digestOf, type Envelope, isSignedBy } from '../lib/dsse.ts'

/** What the first row of the chain follows. */
export const genesis = '0'.repeat(64)

export interface LogHead {
  seq: number
  hash: string
}

export interface LogRow {
  seq: number
  at: number
  machine: string
  type: string
  taskId: string | null
  sessionId: string | null
  /** The JSON text exactly as it is stored. */
  data: string
}

export function hashOf(before: string, { seq, at, machine, type, taskId, sessionId, data }: LogRow): string {
  return hash('sha256', before + JSON.stringify([seq, at, machine, type, taskId, sessionId, data]))
}

export interface LogFault {
  /** The first row that does not hold. */
  seq: number
  kind: 'changed' | 'missing' | 'moved' | 'unchained' | 'contradicts-receipt' | 'receipt' | 'beginning'
  text: string
}

export interface LogReport {
  /** Rows that the chain covers. */
  checked: number
  /** Rows from before there was a chain. */
  older: number
  receipts: number
  head: LogHead | null
  /** The last event that was let go of, on purpose and signed; null: the log is there from its first. */
  beginning: LogHead | null
  fault: LogFault | null
}

export interface LogOptions {
  /** Keys of this installation: what receipts signed about the log is held against it. */
  keys: readonly KeyObject[]
}

type Stored = LogRow & { hash: string | null }

const columns = 'seq, at, machine, type, task_id as taskId, session_id as sessionId, data, hash'
const lookAhead = 200

/** Reads the whole log once, row by row, from the file of a store that may be in use. */
export function checkLog(path: string, options: LogOptions): LogReport {
  const sqlite = new Database(path, { readonly: true, fileMustExist: true })
  try {
    // One snapshot: rows that are written meanwhile belong to the next look.
    return sqlite.transaction(() => walk(sqlite, options))()
  } finally {
    sqlite.close()
  }
}

function walk(sqlite: Database.Database, { keys }: LogOptions): LogReport {
  const report: LogReport = { checked: 0, older: 0, receipts: 0, head: null, beginning: null, fault: null }
  const columnNames = sqlite.prepare("select name from pragma_table_info('events')").pluck().all()
  if (!columnNames.includes('hash')) {
    report.older = Number(sqlite.prepare('select count(*) from events').pluck().get())
    return report
  }
  const signed = readSigned(sqlite, keys)
  if (!(signed instanceof Map)) return { ...report, fault: signed }
  report.receipts = signed.size
  report.beginning = beginningOf(sqlite)
  const unsigned = report.beginning && unsignedBeginning(sqlite, report.beginning, { keys, signed })
  if (unsigned) return { ...report, fault: unsigned }
  let before = report.beginning
  report.head = before
  const rows = sqlite.prepare<[number], Stored>(`select ${columns} from events where seq > ? order by seq`)
  for (const row of rows.iterate(before?.seq ?? 0)) {
    if (row.hash === null && before === null && !signed.has(row.seq)) {
      report.older++
      report.head = { seq: row.seq, hash: genesis }
      continue
    }
    const fault = faultOf(row, before, report.head) ?? contradiction(row, signed)
    if (fault) return { ...report, fault: fault.kind === 'changed' ? (moved(sqlite, row, before) ?? fault) : fault }
    before = { seq: row.seq, hash: row.hash ?? genesis }
    report.head = before
    report.checked++
  }
  const last = sqlite.prepare("select seq from sqlite_sequence where name = 'events'").pluck().get() ?? 0
  const reached = report.head?.seq ?? 0
  const promised = [...signed.keys()].reduce((most, seq) => Math.max(most, seq), Number(last))
  if (promised > reached) report.fault = missing(reached, promised + 1)
  return report
}

/** Tells where the log begins since its oldest part was let go of. */
export const trimmedType = 'log.trimmed'

const beginningSchema = z.object({ seq: z.number().int().min(1), hash: z.string() })
const ofTrim = `task_id is null and type = '${trimmedType}'`
const newestTrim = `select seq, data from events where ${ofTrim} order by seq desc limit 1`

/** As the log itself says; null: nothing was let go of. */
export function beginningOf(sqlite: Database.Database): LogHead | null {
  const row = sqlite.prepare<[], { data: string }>(newestTrim).get()
  return row ? beginningSchema.parse(JSON.parse(row.data)) : null
}

/** What is signed of a beginning. */
export const beginningText = ({ seq, hash }: LogHead): string => canonicalJson({ 'log-begins-after': { seq, hash } })
export const beginningPayload = 'application/vnd.openloom.log-beginning+json'

function unsignedBeginning(
  sqlite: Database.Database,
  beginning: LogHead,
  { keys, signed }: { keys: readonly KeyObject[]; signed: ReadonlyMap<number, string> },
): LogFault | null {
  const { seq = 0, data = '{}' } = sqlite.prepare<[], { seq: number; data: string }>(newestTrim).get() ?? {}
  const { envelope } = JSON.parse(data) as { envelope?: Envelope }
  const fault = (why: string): LogFault => ({
    seq,
    kind: 'beginning',
    text: `Event ${seq} says where the log begins, ${why}.`,
  })
  if (!envelope || !keys.some((key) => isSignedBy(envelope, key))) {
    return fault('and is not signed by a key of this installation')
  }
  const said = decodeBase64(envelope.payload)?.toString()
  if (envelope.payloadType !== beginningPayload || said !== beginningText(beginning)) {
    return fault('and something else is signed')
  }
  const wanted = signed.get(beginning.seq)
  return wanted === undefined || wanted === beginning.hash ? null : fault('and a receipt has signed another one')
}

/** Whether the rows from the beginning to `last` are what was written; then the hash of the last of them. */
export function checkPortion(sqlite: Database.Database, beginning: LogHead | null, last: number): LogHead | LogFault {
  let before = beginning
  const rows = sqlite.prepare<[number, number], Stored>(
    `select ${columns} from events where seq > ? and seq <= ? order by seq`,
  )
  for (const row of rows.iterate(beginning?.seq ?? 0, last)) {
    const fault = faultOf(row, before, null)
    if (fault) return fault
    before = { seq: row.seq, hash: row.hash ?? genesis }
  }
  return before?.seq === last ? before : missing(before?.seq ?? 0, last + 1)
}

/** Heads of the log that receipts have signed: hash by seq; or the first receipt that does not hold. */
function readSigned(sqlite: Database.Database, keys: readonly KeyObject[]): Map<number, string> | LogFault {
  const heads = new Map<number, string>()
  const rows = sqlite.prepare<[], { seq: number; envelope: string }>('select seq, envelope from receipts order by seq')
  let prev: string | null = null
  let expected = 1
  for (const { seq, envelope: text } of rows.iterate()) {
    const fault = (why: string): LogFault => ({ seq, kind: 'receipt', text: `Receipt ${seq} ${why}.` })
    if (seq !== expected) return fault(`stands where receipt ${expected} should be`)
    const envelope = JSON.parse(text) as Envelope
    if (!keys.some((key) => isSignedBy(envelope, key))) return fault('is not signed by a key of this installation')
    const body = decodeBase64(envelope.payload)?.toString() ?? ''
    const statement = statementSchema.safeParse(parseStrictJson(body)?.value)
    if (!statement.success) return fault('is no statement')
    const own = statement.data.predicate.openloom
    if (own.seq !== seq || own.prev !== prev) return fault(`does not follow receipt ${seq - 1}`)
    if (own.log) heads.set(own.log.seq, own.log.hash)
    prev = digestOf(envelope)
    expected++
  }
  return heads
}

function faultOf(row: Stored, before: LogHead | null, older: LogHead | null): LogFault | null {
  const { seq } = row
  const previous = before ?? older
  if (seq !== (previous?.seq ?? 0) + 1) return missing(previous?.seq ?? 0, seq)
  if (row.hash === null) {
    return { seq, kind: 'unchained', text: `Event ${seq} has no hash, though the chain had begun before it.` }
  }
  if (hashOf(before?.hash ?? genesis, row) === row.hash) return null
  const why = before ? 'it was changed' : 'it was changed, or what came before it was'
  return { seq, kind: 'changed', text: `Event ${seq} does not fit its hash: ${why}.` }
}

function missing(after: number, before: number): LogFault {
  const [first, last] = [after + 1, before - 1]
  const text = first === last ? `Event ${first} is missing.` : `Events ${first} to ${last} are missing.`
  return { seq: first, kind: 'missing', text }
}

/** A row whose own hash is right for this place is the one that stood here. */
function moved(sqlite: Database.Database, row: Stored, before: LogHead | null): LogFault | null {
  const next = sqlite
    .prepare<[number], Stored>(`select ${columns} from events where seq > ? order by seq limit ${lookAhead}`)
    .all(row.seq)
  const own = next.find((one) => hashOf(before?.hash ?? genesis, { ...one, seq: row.seq }) === one.hash)
  if (!own) return null
  return {
    seq: row.seq,
    kind: 'moved',
    text: `What is event ${own.seq} now was event ${row.seq}: their order was changed.`,
  }
}

function contradiction({ seq, hash }: Stored, signed: ReadonlyMap<number, string>): LogFault | null {
  const wanted = signed.get(seq)
  if (wanted === undefined || wanted === hash) return null
  const text = `Event ${seq} is not the one that a receipt has signed: the log up to here was written anew.`
  return { seq, kind: 'contradicts-receipt', text }
}
