/** Scripted data for the browser stories: what a daemon would answer in each situation. No story happens here. */
import type { CheckOutcome } from '../../src/core/check.ts'
import type { EventType, LoomEvent } from '../../src/core/event.ts'
import type { StepSpec, TaskSpec } from '../../src/core/spec.ts'
import type { Task, TaskStatus } from '../../src/core/task.ts'
import type { AttemptRecord, CheckRecord, Verdict } from '../../src/core/verdict.ts'
import type { DaemonState, TaskDetail } from '../../src/server/api.ts'
import { itemOf, type Scene } from '../fakes/api.ts'

const second = 1000
const minute = 60 * second
const hour = 60 * minute

export function stateOf(details: readonly TaskDetail[], seq: number, more: Partial<DaemonState> = {}): DaemonState {
  const counts: Record<string, number> = {}
  for (const { task } of details) counts[task.status] = (counts[task.status] ?? 0) + 1
  return {
    version: '0.1.0',
    startedAt: Date.now() - 3 * hour,
    seq,
    sample: false,
    draining: false,
    sandbox: { kind: 'bwrap', detail: 'bubblewrap 0.8.0, network: proxy' },
    inbox: { dir: '/home/ada/openloom/inbox', watching: true },
    runtimes: [
      { name: 'builtin', ready: true, detail: 'qwen3-coder at http://127.0.0.1:11434', profiles: ['build', 'plan'] },
    ],
    sinks: [{ id: 'file-1', kind: 'file', label: '/home/ada/openloom/notices', pending: 0, dead: 0 }],
    counts,
    stalled: 0,
    alarms: [],
    worktrees: [],
    ...more,
  }
}

let made = 0

export function task(fields: Partial<Omit<Task, 'spec'>> & { spec?: Partial<TaskSpec> } = {}): Task {
  const at = fields.createdAt ?? Date.now() - 10 * minute
  const title = fields.title ?? 'Retry the upload when the server says 503'
  const { spec, ...rest } = fields
  const whole: TaskSpec = {
    title,
    goal: title,
    steps: [],
    acceptance: [],
    checks: [],
    abort: false,
    limits: {},
    ...spec,
  }
  const counts = { attempt: 1, toolCalls: 14, tokens: 48_210, activeMs: 92_000, troubles: 0 }
  const empty = { reason: null, resumeTo: null, sessionId: null, verdict: null, costMicros: null, retryAt: null }
  return {
    id: `t_1kq3m2v8x${String(++made).padStart(7, '0')}`,
    machine: 'local',
    title,
    workspace: '/home/ada/projects/uploader',
    runtime: 'builtin',
    status: 'queued',
    progress: { proven: 0, total: 2 },
    source: 'inbox',
    externalId: `key-${made}`,
    promptNumber: 1,
    promptText: null,
    createdAt: at,
    updatedAt: at,
    startedAt: null,
    endedAt: null,
    baseCommit: null,
    baseline: {},
    added: null,
    accepted: null,
    isolation: null,
    ...counts,
    ...empty,
    ...rest,
    spec: whole,
  }
}

export const detail = (fields: Parameters<typeof task>[0] = {}): TaskDetail => ({
  task: task(fields),
  attempts: [],
  receipts: [],
  testsBefore: {},
  sandbox: null,
})

interface Found {
  title: string
  outcome: CheckOutcome
  summary: string
  kind?: string
  excerpt?: string
  exitCode?: number
  subject?: string
  step?: number
}

export function check(index: number, found: Found, at: number): CheckRecord {
  const { title, outcome, summary, kind = 'file_contains', excerpt, exitCode, subject = title, step } = found
  const sha256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'
  return {
    index,
    spec: { kind },
    title,
    step: step ?? null,
    startedAt: at,
    durationMs: kind === 'command' ? 1840 : 3,
    outcome,
    evidence: {
      summary,
      subject,
      sha256,
      ...(excerpt === undefined ? {} : { excerpt }),
      ...(exitCode === undefined ? {} : { exitCode }),
    },
  }
}

/** Writes events with growing `seq` and the times it is told. */
export class Log {
  readonly events: LoomEvent[] = []
  seq: number
  at: number

  constructor(at: number, seq = 0) {
    this.at = at
    this.seq = seq
  }

  add(afterMs: number, type: EventType, detail: TaskDetail, data: Record<string, unknown> = {}): LoomEvent {
    this.at += afterMs
    const { task } = detail
    const moved = type.startsWith('task.') ? { task: { ...itemOf(detail), updatedAt: this.at } } : {}
    const ids = { taskId: task.id, sessionId: task.sessionId }
    const event: LoomEvent = {
      seq: ++this.seq,
      at: this.at,
      machine: 'local',
      type,
      ...ids,
      data: { ...moved, ...data },
    }
    this.events.push(event)
    return event
  }

  move(afterMs: number, type: EventType, detail: TaskDetail, status: TaskStatus): LoomEvent {
    detail.task.status = status
    const event = this.add(afterMs, type, detail)
    detail.task.updatedAt = event.at
    return event
  }
}

const missing = (at: number): CheckRecord[] => [
  check(
    0,
    {
      title: 'file: hello.md',
      kind: 'file_exists',
      outcome: 'fail',
      summary: 'hello.md does not exist.',
      subject: 'hello.md',
      step: 0,
      excerpt: 'README.md\nsrc/\n  index.ts\n',
    },
    at,
  ),
  check(
    1,
    { title: 'contains: README.md /hello/', outcome: 'pass', summary: 'README.md holds “hello” in line 3.' },
    at,
  ),
]

const present = (at: number): CheckRecord[] => [
  check(
    0,
    {
      title: 'file: hello.md',
      kind: 'file_exists',
      outcome: 'pass',
      summary: 'hello.md exists, 64 bytes.',
      subject: 'hello.md',
      step: 0,
      excerpt: '# Hello\n\nThis file was written by an agent and proven by a check.\n',
    },
    at,
  ),
  check(
    1,
    { title: 'contains: README.md /hello/', outcome: 'pass', summary: 'README.md holds “hello” in line 3.' },
    at,
  ),
]

function attemptOf(number: number, startedAt: number, prompt: string): AttemptRecord {
  return {
    number,
    sessionId: 's_1kq3m2v8x7c4h2ep',
    prompt,
    startedAt,
    endedAt: null,
    claim: null,
    verdict: null,
    checks: [],
  }
}

function workOn(log: Log, told: TaskDetail, number: number, calls: readonly string[]): void {
  log.add(120, 'attempt.started', told, { number, prompt: 'Write hello.md that greets the reader.' })
  log.add(10, 'prompt.sent', told, { attempt: number })
  log.add(40, 'run.started', told, { model: 'scripted', provider: 'sample' })
  for (const call of calls) {
    log.add(900, 'message.finished', told, { text: 'I will look first.', calls: [{ name: 'read', summary: call }] })
    log.add(20, 'tool.started', told, { name: 'read', summary: call })
    log.add(350, 'tool.ended', told, { name: 'read', ok: true, summary: call })
  }
}

function judge(log: Log, told: TaskDetail, attempt: AttemptRecord, verdict: Verdict): void {
  log.add(600, 'run.ended', told, { reason: 'finished', text: attempt.claim })
  log.move(20, 'task.verifying', told, 'verifying')
  attempt.checks = verdict === 'verified' ? present(log.at) : missing(log.at)
  for (const record of attempt.checks) {
    const { index, title, outcome, durationMs, evidence } = record
    const data = { attempt: attempt.number, index, title, outcome, summary: evidence.summary, durationMs }
    log.add(30, 'check.finished', told, data)
  }
  const failed = attempt.checks.filter((c) => c.outcome === 'fail').length
  const counts = { passed: attempt.checks.length - failed, failed, errors: 0 }
  log.add(5, 'verdict.reached', told, { attempt: attempt.number, verdict, ...counts })
  attempt.verdict = verdict
  attempt.endedAt = log.at
}

const helloSteps: StepSpec[] = [
  { title: 'Write hello.md', checks: [{ kind: 'file_exists', path: 'hello.md' }] },
  { title: 'Mention it in the README', checks: [] },
]

/** The daemon's own sample: refuted once, then at work again, or already verified. */
export function sampleTask(log: Log, end: 'running' | 'verified'): TaskDetail {
  const told = detail({
    title: 'Say hello in hello.md',
    source: 'sample',
    workspace: '/tmp/openloom-sample/workspace',
    sessionId: 's_1kq3m2v8x7c4h2ep',
    createdAt: log.at,
    toolCalls: 4,
    tokens: 1824,
    activeMs: 4200,
    spec: {
      goal: 'Write hello.md that greets the reader.\nMention it in the README.',
      steps: helloSteps,
      acceptance: ['The greeting is friendly'],
      limits: { attempts: 5, minutes: 10, tool_calls: 200 },
    },
  })
  log.move(0, 'task.created', told, 'queued')
  log.move(300, 'task.started', told, 'starting')
  told.task.startedAt = log.at
  log.move(80, 'task.running', told, 'running')
  const first = attemptOf(1, log.at, 'Write hello.md that greets the reader.')
  told.attempts.push(first)
  workOn(log, told, 1, ['README.md'])
  first.claim =
    'Done! I created hello.md with a friendly greeting and linked it from the README. All steps are complete.'
  judge(log, told, first, 'refuted')
  told.task.attempt = 2
  told.task.progress = { proven: 0, total: 2 }
  log.move(10, 'task.refuted', told, 'running')
  const second = attemptOf(2, log.at, 'These checks did not pass:\n\n- file: hello.md: hello.md does not exist.\n')
  told.attempts.push(second)
  workOn(log, told, 2, ['README.md', 'src/index.ts'])
  log.add(700, 'tool.started', told, { name: 'write', summary: 'hello.md' })
  if (end === 'running') return told
  log.add(120, 'tool.ended', told, { name: 'write', ok: true, summary: 'hello.md, 64 B' })
  second.claim = 'You are right, the file was missing. I wrote hello.md now.'
  judge(log, told, second, 'verified')
  told.task.verdict = 'verified'
  told.task.progress = { proven: 2, total: 2 }
  told.task.endedAt = log.at
  log.move(4, 'task.done', told, 'done')
  return told
}

/** A verified task in a worktree of its own, with a file in it that no commit holds. */
export function isolatedScene(unsaved: string[] = []): Scene {
  const scene = sampleScene('verified')
  const [told] = scene.details
  if (!told) throw new Error('the scene has no task')
  const { id } = told.task
  const path = `/home/ada/.local/share/openloom/worktrees/${id}`
  const isolation = { origin: told.task.workspace, path, branch: `openloom/${id}`, base: '0'.repeat(40) }
  told.task = { ...told.task, workspace: path, isolation: { ...isolation, outcome: 'open' } }
  const look = { files: 7, added: 214, removed: 38, folder: true, unsaved, unsavedCount: unsaved.length }
  return { ...scene, looks: { [id]: look } }
}

export function emptyScene(): Scene {
  return { state: stateOf([], 0), details: [], events: [] }
}

export function sampleScene(end: 'running' | 'verified'): Scene {
  const log = new Log(Date.now() - 9 * second)
  const told = sampleTask(log, end)
  const runtimes = [
    { name: 'builtin', ready: true, detail: 'scripted model of the sample', profiles: ['build', 'plan'] },
  ]
  return { state: stateOf([told], log.seq, { sample: true, runtimes }), details: [told], events: log.events }
}
