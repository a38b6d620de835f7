/** Runs scenarios through a real daemon, two at a time, and says of each what was said and what is true. */
import { join } from 'node:path'
import type { LoomEvent } from '../../src/core/event.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import type { TaskDetail } from '../../src/server/api.ts'
import { type BenchWorld, eventsOf, openWorld, until } from '../world.ts'
import { freePort, has, isReallyDone, settle } from './ground.ts'
import type { Outcome } from './matrix.ts'
import type { Kind, Scenario } from './scenario.ts'

export interface Case extends Scenario {
  kind: Kind
}

/** The mark finds its replies. Nothing of the name is in the task: words of a goal say what is work and what judges. */
interface Ready extends Case {
  mark: string
}

const atOnce = 2
const limitMs = 60_000

export interface Ran {
  outcomes: Outcome[]
  /** Names, with the program that is missing. */
  leftOut: string[]
}

interface RunOptions {
  /** The built program; absent: the one beside the bundled benchmark. */
  program?: string
  tell?(outcome: Outcome): void
}

export async function runCases(cases: readonly Case[], { program, tell }: RunOptions = {}): Promise<Ran> {
  const missing = new Set(cases.flatMap(({ needs }) => (needs && !has(needs) ? [needs] : [])))
  const isThere = ({ needs }: Case) => needs === undefined || !missing.has(needs)
  const ready: Ready[] = []
  for (const one of cases.filter(isThere)) ready.push({ ...(await withPort(one)), mark: `(case ${ready.length}.)` })
  const world = await openWorld({
    script: scriptOf(ready),
    env: { OPENLOOM_MUST_FAIL_FIRST: 'yes', OPENLOOM_CONCURRENCY: String(atOnce) },
    ...(program ? { program } : {}),
  })
  const outcomes: Outcome[] = []
  try {
    const waiting = [...ready]
    const lane = async () => {
      for (let one = waiting.shift(); one; one = waiting.shift()) {
        const outcome = await runCase(one, world)
        outcomes.push(outcome)
        tell?.(outcome)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, lane))
  } finally {
    await world.close()
  }
  const leftOut = cases.filter((one) => !isThere(one)).map(({ name, needs }) => `${name} (no ${needs})`)
  return { outcomes, leftOut }
}

/** Every place where a scenario says @PORT@ gets the same free one. */
async function withPort(one: Case): Promise<Case> {
  const text = JSON.stringify(one)
  return text.includes('@PORT@') ? JSON.parse(text.replaceAll('@PORT@', String(await freePort()))) : one
}

function scriptOf(cases: readonly Ready[]): ScriptInput {
  return {
    conversations: cases.map((one) => ({
      match: one.mark.replace(/[().]/g, '\\$&'),
      replies: one.turns.flatMap(({ run, says }) => [
        ...run.map((command) => ({ tool_calls: [{ name: 'bash', arguments: { command } }] })),
        { text: says },
      ]),
    })),
    // Whoever asks for proposals gets none.
    replies: [{ text: 'none' }],
    at_end: 'repeat',
  }
}

async function runCase(one: Ready, world: BenchWorld): Promise<Outcome> {
  const { name, kind, limit } = one
  const place = settle(one, join(world.folder, 'work', name.replaceAll(/\W+/g, '-')), world.folder)
  const startedAt = performance.now()
  const answer = await world.post('/api/tasks', {
    goal: `${one.goal} ${one.mark}`,
    workspace: place.workspace,
    checks: one.checks,
    limits: { attempts: one.turns.length },
    ...one.task,
  })
  const { id } = (await answer.json()) as { id?: string }
  if (id === undefined) throw new Error(`"${name}" is no task: ${answer.status}`)
  const { task, attempts } = await until(() => overOrNull(world, id), { everyMs: 50, limitMs })
  const wholeMs = performance.now() - startedAt
  const last = attempts.at(-1)
  return {
    name,
    kind,
    limit,
    verdict: last?.verdict ?? null,
    isDone: await isReallyDone(one, place, task.isolation?.branch ?? null),
    turns: attempts.length,
    claim: attempts[0]?.claim ?? '',
    wholeMs,
    verdictMs: verdictTimes(await eventsOf(world, id)),
    tokens: task.tokens,
    toolCalls: task.toolCalls,
  }
}

const over = ['done', 'failed', 'paused', 'cancelled']

async function overOrNull(world: BenchWorld, id: string): Promise<TaskDetail | null> {
  const detail = (await (await world.get(`/api/tasks/${id}`)).json()) as TaskDetail
  return over.includes(detail.task.status) ? detail : null
}

function verdictTimes(events: readonly LoomEvent[]): number[] {
  const times: number[] = []
  let endedAt: number | null = null
  for (const { type, at } of events) {
    if (type === 'run.ended') endedAt = at
    if (type !== 'verdict.reached' || endedAt === null) continue
    times.push(at - endedAt)
    endedAt = null
  }
  return times
}
