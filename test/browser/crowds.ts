/** Scenes with many tasks and with hostile ones, for the browser stories. */
import type { Reason, TaskStatus } from '../../src/core/task.ts'
import type { Verdict } from '../../src/core/verdict.ts'
import type { TaskDetail } from '../../src/server/api.ts'
import type { Scene } from '../fakes/api.ts'
import { check, detail, Log, sampleTask, stateOf } from './scenes.ts'

const minute = 60_000
const titles = [
  'Retry the upload when the server says 503',
  'Move the price table into its own file',
  'Fix the flaky date test on the last of a month',
  'Add a --json flag to the export command',
  'Replace the hand-made CSV parser',
  'Make the settings page work without a mouse',
  'Upgrade the driver and drop the workaround for reconnects',
  'Write the missing tests of the rate limiter',
]

interface Fate {
  status: TaskStatus
  verdict?: Verdict
  reason?: Reason
}

const paused: Fate = {
  status: 'paused',
  reason: { code: 'limit-attempts', text: 'All 5 attempts are used and 1 check still fails: npm test exits with 1.' },
}
const failed: Fate = {
  status: 'failed',
  verdict: 'refuted',
  reason: { code: 'attempts', text: 'Attempt 3 of 3 was refuted: src/csv.ts still imports ./parser.' },
}
const waiting: Fate = {
  status: 'waiting',
  reason: { code: 'unreachable', text: 'The model at 127.0.0.1:11434 does not answer; next try in 40 s.' },
}
const queued: Fate = {
  status: 'queued',
  reason: { code: 'workspace-busy', text: 'Another task writes in this workspace.' },
}
const ends: Fate[] = [
  { status: 'done', verdict: 'verified' },
  { status: 'done', verdict: 'unverified' },
  { status: 'done', verdict: 'verified' },
  { status: 'done', verdict: 'verified' },
  { status: 'cancelled' },
]

export function crowdTask(n: number, fate: Fate, createdAt: number): TaskDetail {
  const over = fate.status === 'done' || fate.status === 'failed' || fate.status === 'cancelled'
  const total = fate.verdict === 'unverified' ? 0 : 3
  return detail({
    title: `${titles[n % titles.length]}${n >= titles.length ? ` (${n})` : ''}`,
    workspace: `/home/ada/projects/${['uploader', 'shop', 'ledger'][n % 3]}`,
    createdAt,
    updatedAt: createdAt + minute,
    startedAt: fate.status === 'queued' ? null : createdAt + 1000,
    endedAt: over ? createdAt + minute / 2 : null,
    attempt: fate.status === 'queued' ? 0 : 1 + (n % 3),
    progress: {
      proven: fate.status === 'queued' ? 0 : fate.verdict === 'verified' ? total : Math.min(n % 3, total),
      total,
    },
    status: fate.status,
    verdict: fate.verdict ?? null,
    reason: fate.reason ?? null,
    resumeTo: fate.status === 'paused' || fate.status === 'waiting' ? 'running' : null,
  })
}

/** A few tasks of each kind that somebody looks at, a queue, and a long past. */
export function crowdScene(size = 300, queue = 24): Scene {
  const now = Date.now()
  const log = new Log(now - 12_000, 5000)
  const live = sampleTask(log, 'running')
  const fates: Fate[] = [
    paused,
    failed,
    waiting,
    { status: 'running' },
    { status: 'verifying' },
    ...Array.from({ length: queue }, () => queued),
  ]
  const others = Array.from({ length: size - 1 }, (_, n) =>
    crowdTask(n, fates[n] ?? ends[n % ends.length] ?? queued, now - (n + 2) * 4 * minute),
  )
  const details = [live, ...others]
  const alarms = [
    { code: 'root', text: 'The daemon runs as root. Agents can change every file here.', since: now - minute },
  ]
  return { state: stateOf(details, log.seq, { alarms }), details, events: log.events }
}

export const attack = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'

/** Everything that a hostile agent, file or page could put into the fields of a task. */
export function hostileScene(): Scene {
  const now = Date.now()
  const log = new Log(now - 20_000)
  const bad = sampleTask(log, 'verified')
  const [first, last] = bad.attempts
  bad.task.title = `${attack} {{7*7}} \${process.env} javascript:alert(1)`
  bad.task.reason = { code: 'x', text: `</title>${attack}` }
  bad.task.workspace = `/home/ada/${'very-long-folder-name-'.repeat(12)}`
  bad.task.spec.goal = `${attack}\n\n[click](javascript:alert(1))\n${'W'.repeat(900)}`
  if (first && last) {
    first.claim = `Done. ${attack}\n\u202Eexe.tfosorciM\u202C is safe.\n${'all checks pass '.repeat(80)}`
    last.prompt = `</pre>${attack}`
    first.checks = [
      check(
        0,
        {
          title: `run: npm test \u202E# ${attack}`,
          kind: 'command',
          outcome: 'fail',
          summary: `${attack} exits with 1, expected 0.`,
          subject: `npm test \u202E&& rm -rf /\u202C`,
          excerpt: `\u001b[31mFAIL\u001b[0m ${attack}\n\u001b]0;t\u0007\u0000 nul \u200b zero\n${'x'.repeat(3000)}`,
          exitCode: 1,
        },
        now,
      ),
    ]
  }
  for (const event of log.events) if (event.type === 'message.finished') event.data['text'] = attack
  const names = [
    'أصلح اختبار التاريخ في نهاية الشهر ثم شغّل كل الاختبارات',
    'תקן את הבדיקה (README.md) לפני סוף החודש',
    '\u202Egnp.exe\u202C looks harmless',
    `${'Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'.repeat(4)}`,
    'Ein sehr langer Titel, der erst nach sehr vielen Worten zum Punkt kommt, und dann nur mit Mühe, weil er nie endet',
    '修复月底日期测试并运行全部测试 🧵 👩‍💻',
    `${attack}`,
  ]
  const others = names.map((title, n) => {
    const one = crowdTask(n, n % 2 ? paused : { status: 'done', verdict: 'unverified' }, now - (n + 1) * minute)
    one.task.title = title
    if (one.task.reason) one.task.reason = { code: 'x', text: `${attack} ${title}` }
    return one
  })
  const details = [bad, ...others]
  const alarms = [{ code: 'disk', text: `${attack} ${'long '.repeat(60)}`, since: now - minute }]
  return { state: stateOf(details, log.seq, { alarms }), details, events: log.events }
}
