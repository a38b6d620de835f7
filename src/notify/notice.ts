/** LoomEvent + Task → Notice: what receivers read. Pure, and the same for every try of one event. */
import { originalNameOf } from '../core/event.ts'
import type { Notice, NoticeSource } from '../core/sink.ts'
import type { TaskItem } from '../core/task.ts'
import { type Verdict, verdictText } from '../core/verdict.ts'

/** Told in `data` by names of its own; everything else of the event is passed on as it is. */
const ownFields = ['task', 'status', 'progress', 'summary', 'active_session_id']

export function noticeOf({ event, task }: NoticeSource): Notice {
  // The event's own snapshot: the task may have moved on before a late try, and a repeated notice must not differ.
  const then = (event.data.task ?? task) as TaskItem | null
  const rest = Object.entries(event.data).filter(([key]) => !ownFields.includes(key))
  return {
    schema_version: '2.0',
    id: `evt_${event.machine}_${event.seq}`,
    event: originalNameOf(event.type) ?? event.type,
    type: event.type,
    task_id: event.taskId,
    task_name: then?.title ?? null,
    timestamp: event.at / 1000,
    timestamp_iso: new Date(event.at).toISOString(),
    store_version: event.seq,
    data: {
      status: then?.status ?? null,
      progress: then ? `${then.progress.proven}/${then.progress.total}` : null,
      summary: summaryOf(event.data, then),
      active_session_id: event.sessionId,
      ...(then ? factsOf(then) : {}),
      ...Object.fromEntries(rest),
    },
  }
}

const factsOf = ({ verdict, attempt, workspace, runtime, source, tokens }: TaskItem) => ({
  ...{ verdict, attempt, workspace, runtime, source, tokens },
})

/** Ends that prove less than "verified" say so. */
const lesser: Partial<Record<Verdict, string>> = {
  'verified (proposed checks)': 'Done, but proven only by checks that a model proposed from the acceptance lines.',
  'verified (project checks)':
    'Done: something changed and nothing in the project got worse. Nobody said what to prove.',
  unverified: 'Done, unverified: the task brought no checks.',
  vacuous: 'Done, but nothing is proven: every check passed before the work began.',
}

/** The first sentence that says something: the event's, the reason's, the verdict's. */
function summaryOf(data: Record<string, unknown>, task: TaskItem | null): string {
  for (const text of [data.summary, data.text, data.because]) if (typeof text === 'string' && text !== '') return text
  if (!task) return ''
  const { proven, total } = task.progress
  if (task.status === 'paused' && task.reason?.code === 'tampered') {
    const what = 'The work changed what judges it, and only a person can say whether that is right.'
    const back = `With the files put back: openloom resume ${task.id}.`
    return `${what} To see and accept it: openloom accept ${task.id}. ${back}`
  }
  if (task.reason) return task.reason.text
  if (!task.verdict) return `${task.title}: ${task.status}.`
  const words = lesser[task.verdict]
  if (words) return task.flaky ? `${words} ${task.flaky} flaky.` : words
  return `${verdictText(task.verdict, task.flaky)}: ${proven} of ${total} proven.`
}
