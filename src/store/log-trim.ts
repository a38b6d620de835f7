/**
 * Lets go of the oldest part of the event log, in portions. What goes is proved once more, and the new beginning is
 * signed and written into the log itself in the same transaction. What somebody still waits for it does not touch.
 */
import type Database from 'better-sqlite3'
import { eventTypes, isNotable } from '../core/event.ts'
import { endedStatuses } from '../core/task.ts'
import type { Envelope } from '../lib/dsse.ts'
import { seqAt } from './events.ts'
import type { Ledger } from './ledger.ts'
import { beginningOf, checkPortion, type LogHead, trimmedType } from './log-chain.ts'

export interface TrimRequest {
  /** Epoch ms: what is younger stays, unless there are more than `keep` events. */
  before: number
  keep: number
  /** Fewer are not worth a row that says so. */
  least: number
  /** Ids of the sinks that are in use: what one of them has not delivered stays. */
  sinks: readonly string[]
  sign(beginning: LogHead): Envelope
}

export interface Trimmed {
  removed: number
  /** Why the log stays as it is. */
  fault: string | null
}

const portion = 5_000

export class LogTrim {
  private readonly ledger: Ledger
  private readonly first: Database.Statement<[], { seq: number | null }>
  private readonly firstOfOpenTask: Database.Statement<[], { seq: number | null }>
  private readonly firstUndelivered: Database.Statement<{ sink: string; last: number }, { seq: number | null }>

  constructor(ledger: Ledger) {
    this.ledger = ledger
    const prepare = (text: string) => ledger.db.$client.prepare(text)
    this.first = prepare('select min(seq) as seq from events') as typeof this.first
    this.firstOfOpenTask = prepare(
      'select min((select min(seq) from events where task_id = tasks.id)) as seq from tasks ' +
        `where status not in (${listed(endedStatuses)})`,
    ) as typeof this.firstOfOpenTask
    const cursor = '(select seq from cursors where sink = :sink)'
    this.firstUndelivered = prepare(
      `select min(seq) as seq from (select seq from events where seq > ${cursor} and seq <= :last and ` +
        `type in (${listed(eventTypes.filter(isNotable))}) union all ` +
        'select seq from deliveries where sink = :sink and not dead)',
    ) as typeof this.firstUndelivered
  }

  /** At most one portion; call it again while it removes something. */
  trim({ before, keep, least, sinks, sign }: TrimRequest): Trimmed {
    const { ledger } = this
    const { $client } = ledger.db
    return ledger.transact(() => {
      const first = this.first.get()?.seq ?? 1
      // The last one stays: its hash is what the next is chained to.
      const wanted = Math.min(Math.max(seqAt(ledger, before) - 1, ledger.head() - keep), ledger.head() - 1)
      const last = Math.min(first - 1 + portion, this.unneeded(wanted, sinks))
      if (last - first + 1 < least) return { removed: 0, fault: null }
      // Before the first trim there is nothing to look for, in a log that is as long as it may be.
      const beginning = first === 1 ? null : beginningOf($client)
      const proved = checkPortion($client, beginning, last)
      if ('kind' in proved) return { removed: 0, fault: proved.text }
      const removed = $client.prepare('delete from events where seq <= ?').run(last).changes
      $client.prepare('delete from deliveries where seq <= ?').run(last)
      ledger.emit({ type: trimmedType, data: { ...proved, removed, envelope: sign(proved) } })
      return { removed, fault: null }
    })
  }

  private unneeded(last: number, sinks: readonly string[]): number {
    const needed = [
      this.firstOfOpenTask.get()?.seq,
      ...sinks.map((sink) => this.firstUndelivered.get({ sink, last })?.seq),
    ]
    return Math.min(last, ...needed.flatMap((seq) => (seq == null ? [] : [seq - 1])))
  }
}

const listed = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(', ')
