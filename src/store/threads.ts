/** What the weave of the last hours is made of: for each task, when it began to do something else. It only reads. */
import type { EventType, LoomEvent } from '../core/event.ts'
import type { TaskStatus } from '../core/task.ts'
import type { Verdict } from '../core/verdict.ts'
import { seqAt } from './events.ts'
import type { Ledger } from './ledger.ts'

/** Of an event no more than a thread is drawn from. */
export type Mark = Pick<LoomEvent, 'type' | 'at'> & { data?: LoomEvent['data'] }

export interface Thread {
  id: string
  title: string
  status: TaskStatus
  verdict: Verdict | null
  /** Oldest first; the first may be from before the period, and says what the task was doing when it began. */
  marks: Mark[]
}

const moves: readonly EventType[] = [
  ...(['task.created', 'task.queued', 'task.started', 'task.running', 'task.refuted', 'task.verifying'] as const),
  ...(['task.waiting', 'task.paused', 'task.done', 'task.failed', 'task.cancelled', 'task.archived'] as const),
]
const work: readonly EventType[] = ['tool.started', 'tool.ended', 'message.finished', 'run.started']
const others: readonly EventType[] = [
  ...(['session.stalled', 'session.revived', 'session.taken_over', 'session.child_killed', 'verdict.reached'] as const),
  'machine.slept',
]
/** More events of calls than this are drawn by who had most of each short while. */
const exactMax = 400
const slots = 1_500
const marksMax = 20_000

const list = (types: readonly EventType[]): string => types.map((type) => `'${type}'`).join(', ')

const told = `json_object('reason', json_extract(data, '$.reason'), 'quietSince', json_extract(data, '$.quietSince'),
  'verdict', json_extract(data, '$.verdict'), 'sleptMs', json_extract(data, '$.sleptMs'))`
const speaking: readonly EventType[] = ['task.waiting', 'session.stalled', 'verdict.reached', 'machine.slept']
const slim = `case when type in (${list(speaking)}) then ${told} end as data`

export class Threads {
  private readonly ledger: Ledger

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  /** Of the newest `max` tasks that did anything since `from` (ms), newest first. */
  since(from: number, max: number): Thread[] {
    const { $client } = this.ledger.db
    const recent = $client.prepare<unknown[], Omit<Thread, 'marks'>>(
      "select id, title, status, verdict from tasks where (updated_at >= ? or status not in ('done', 'failed', " +
        "'cancelled', 'archived')) and status <> 'archived' order by id desc limit ?",
    )
    const before = $client.prepare<unknown[], Stored>(
      `select seq, type, at, ${slim} from events where task_id = ? and seq < ? and type in (${list(moves)}) ` +
        'order by seq desc limit 1',
    )
    const within = $client.prepare<unknown[], Stored>(
      `select seq, type, at, ${slim} from events where task_id = ? and seq >= ? and ` +
        `type in (${list([...moves, ...work, ...others])}) order by seq desc limit ${marksMax}`,
    )
    const first = seqAt(this.ledger, from)
    const slotMs = Math.max(1, (this.ledger.clock.now() - from) / slots)
    return recent.all(from, max).map((task) => {
      const own = within.all(task.id, first).reverse()
      // Of too many the newest count: what it does now is looked at first.
      const begin = own.length === marksMax ? (own[0]?.seq ?? first) : first
      return { ...task, marks: thinned([...before.all(task.id, begin), ...own].map(markOf), slotMs) }
    })
  }
}

interface Stored {
  seq: number
  type: EventType
  at: number
  data: string | null
}

const markOf = ({ type, at, data }: Stored): Mark => ({
  type,
  at,
  ...(data === null ? {} : { data: JSON.parse(data) as LoomEvent['data'] }),
})

/** Thousands of short calls as what they look like from afar: in each slot, tool or model, whichever had more of it. */
function thinned(marks: readonly Mark[], slotMs: number): Mark[] {
  if (marks.filter(({ type }) => work.includes(type)).length <= exactMax) return [...marks]
  const kept: Mark[] = []
  let [open, toolMs, shown] = [0, 0, false]
  let [slot, last] = [marks[0]?.at ?? 0, marks[0]?.at ?? 0]
  const close = (at: number) => {
    if (open > 0) toolMs += at - last
    const isTool = at > slot ? toolMs * 2 >= at - slot : shown
    if (isTool !== shown) kept.push({ type: isTool ? 'tool.started' : 'tool.ended', at: slot })
    shown = isTool
    ;[slot, last, toolMs] = [at, at, 0]
  }
  for (const mark of marks) {
    if (!work.includes(mark.type)) {
      close(mark.at)
      kept.push(mark)
      if (moves.includes(mark.type)) [open, shown] = [0, false]
      continue
    }
    if (mark.at - slot >= slotMs) close(mark.at)
    if (open > 0) toolMs += mark.at - last
    last = mark.at
    if (mark.type === 'tool.started') open += 1
    if (mark.type === 'tool.ended') open = Math.max(0, open - 1)
  }
  close(last)
  return kept
}
