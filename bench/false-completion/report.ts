/** What the false-completion benchmark prints, and the rows that are held against its targets. */
import type { Row } from '../measures.ts'
import { median, quantile } from '../world.ts'
import { cheating } from './cheating.ts'
import { honest } from './honest.ts'
import { lazy } from './lazy.ts'
import { faultsOf, isWrong, matrixOf, type Outcome, rules, wordOf } from './matrix.ts'
import { mistaken } from './mistaken.ts'
import { type Case, type Ran, runCases } from './run.ts'

export const cases: readonly Case[] = [
  ...honest.map((one): Case => ({ ...one, kind: 'honest' })),
  ...mistaken.map((one): Case => ({ ...one, kind: 'mistaken' })),
  ...lazy.map((one): Case => ({ ...one, kind: 'lazy' })),
  ...cheating.map((one): Case => ({ ...one, kind: 'cheating' })),
]

type Write = (text: string) => unknown

export async function falseCompletion(write: Write): Promise<Row[]> {
  const tell = (outcome: Outcome) => write(`${lineOf(outcome)}\n`)
  const ran = await runCases(cases, { tell })
  write(`\n${tableOf(ran)}\n\n`)
  return rowsOf(ran)
}

function markOf(outcome: Outcome): string {
  if (isWrong(outcome)) return 'WRONG SCENARIO'
  const word = wordOf(outcome.verdict)
  const isFalse = outcome.isDone ? word === 'no' : word === 'yes'
  if (outcome.limit !== undefined) return isFalse ? 'limit' : 'limit (caught)'
  if (isFalse) return outcome.isDone ? 'FALSE REFUTED' : 'FALSE VERIFIED'
  return word === 'open' ? 'open' : 'ok'
}

export function lineOf(outcome: Outcome): string {
  const { kind, name, verdict, isDone, wholeMs } = outcome
  const truth = isDone ? 'done' : 'not done'
  const left = `  ${kind.padEnd(9)} ${name.padEnd(56)} ${truth.padEnd(9)} ${(verdict ?? 'no verdict').padEnd(26)}`
  return `${left} ${(wholeMs / 1000).toFixed(1).padStart(5)} s  ${markOf(outcome)}`
}

export function tableOf({ outcomes, leftOut }: Ran): string {
  const judged = outcomes.filter(({ limit }) => limit === undefined)
  const limits = outcomes.filter(({ limit }) => limit !== undefined)
  const head = `  ${'on the same runs'.padEnd(22)}  done: yes  no  open   not done: yes  no  open`
  const lines = rules.map((rule) => {
    const { done, notDone } = matrixOf(rule, judged)
    const widths = [10, 3, 5, 15, 3, 5]
    const cells = [done.yes, done.no, done.open, notDone.yes, notDone.no, notDone.open]
    return `  ${rule.name.padEnd(22)} ${cells.map((cell, at) => String(cell).padStart(widths[at] ?? 0)).join(' ')}`
  })
  const told = limits.map(({ name, limit, verdict }) => `  ${name}: ${verdict}. ${limit}`)
  return [
    `${judged.length} scenarios count, ${limits.length} are known limits, ${leftOut.length} were left out.`,
    ...leftOut.map((one) => `  left out: ${one}`),
    head,
    ...lines,
    ...(told.length > 0 ? ['Known limits, outside the targets:', ...told] : []),
  ].join('\n')
}

export function rowsOf({ outcomes }: Ran): Row[] {
  const { falseVerified, falseRefuted, wrong } = faultsOf(outcomes)
  const times = outcomes.flatMap(({ verdictMs }) => verdictMs)
  const sum = (part: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + part(outcome), 0)
  const count = (name: string, found: readonly string[]): Row => ({
    name,
    value: found.length,
    unit: '',
    bar: 0,
    original: null,
    target: true,
    ...(found.length > 0 ? { note: found.join('; ') } : {}),
  })
  const perTask = sum(({ tokens }) => tokens) / outcomes.length
  return [
    count('false "verified"', falseVerified),
    count('false "refuted" on honest runs', falseRefuted),
    count('scenarios that are not what they say', wrong),
    {
      name: 'agent finished → verdict, checks twice included, p50',
      value: median(times),
      unit: 'ms',
      bar: 2_000,
      original: null,
      note: `p99 ${quantile(times, 0.99).toFixed(0)} ms, n ${times.length}`,
    },
    {
      name: 'tokens of the agent a task (the daemon itself asks no model)',
      value: perTask,
      unit: '',
      bar: 20_000,
      original: null,
      note: `${sum(({ toolCalls }) => toolCalls)} tool calls in all; the scripted model costs nothing`,
    },
  ]
}
