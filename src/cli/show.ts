/** `openloom show`: one task with its attempts: what the agent said against what the checks found. */
import type { CheckResult, Evidence } from '../core/check.ts'
import { type AttemptRecord, type CheckRecord, flakyIn, isExcused, originWords, verdictText } from '../core/verdict.ts'
import type { TaskDetail } from '../server/api.ts'
import { requireDaemon } from './client.ts'
import { exit } from './exit.ts'
import { configOf, type Shell } from './program.ts'
import { cut, paint, print, printJson, safe, stateOf } from './terminal.ts'

export async function show(id: string, options: { json?: boolean }, shell: Shell): Promise<number> {
  const client = requireDaemon(configOf(shell), shell.env)
  const detail = await client.get<TaskDetail>(`/api/tasks/${encodeURIComponent(id)}`)
  if (options.json) {
    printJson(detail)
    return exit.ok
  }
  const { task, attempts, sandbox } = detail
  print(`${task.id}  ${safe(task.title)}`)
  const flaky = flakyIn(attempts.at(-1)?.checks ?? [])
  print(`${stateOf({ ...task, flaky })}${task.reason ? `: ${safe(task.reason.text)}` : ''}`)
  print(`${task.runtime} in ${safe(task.workspace)}; ${task.tokens} tokens, ${task.toolCalls} tool calls`)
  if (sandbox) print(sandbox === 'none' ? paint('yellow', 'sandbox: none') : `sandbox: ${sandbox}`)
  if (task.isolation) print(`branch ${safe(task.isolation.branch)}, ${outcomeWords[task.isolation.outcome]}`)
  for (const attempt of attempts) printAttempt(attempt)
  return exit.ok
}

const outcomeWords = {
  open: 'open: openloom merge, keep or drop',
  conflict: 'not merged: a person must say (openloom log has why)',
  merged: 'merged',
  kept: 'kept',
  dropped: 'dropped',
} as const

function printAttempt({ number, claim, verdict, checks }: AttemptRecord): void {
  print(`\nAttempt ${number}: ${verdict ? verdictText(verdict, flakyIn(checks)) : 'under way'}`)
  if (claim) print(`  the agent said: ${cut(claim, 200)}`)
  for (const check of checks) print(checkLine(check))
}

export function checkLine(record: CheckRecord): string {
  const { outcome, title, origin, evidence, clean, weakened = [] } = record
  if (outcome === 'pass' && clean && clean.outcome !== 'pass') return cleanLine(title, clean)
  if (record.tampered) return tamperedLine(record)
  const style = outcome === 'pass' ? 'green' : outcome === 'fail' ? 'red' : 'yellow'
  const notes = notesOf(record)
  const beside = notes.length > 0 ? paint('yellow', ` (${notes.join('; ')})`) : ''
  const label = origin ? paint('dim', ` (${originWords[origin]})`) : ''
  const head = `  ${paint(style, outcome.padEnd(5))}  ${safe(title)}${label}: ${cut(evidence.summary, 160)}${beside}`
  const lost = weakened.map((why) => `         ${paint('yellow', cut(why, 400))}`)
  return outcome === 'pass' ? [head, ...lost].join('\n') : withExcerpt([head, ...lost].join('\n'), evidence)
}

function notesOf(record: CheckRecord): string[] {
  const { outcome, base, flaky = record.clean?.flaky, quarantined } = record
  return [
    ...(outcome === 'fail' && record.clean?.outcome === 'pass' ? ['passes in a clean checkout'] : []),
    ...(base === 'pass' ? ['passed before the work'] : []),
    ...(flaky ? [`flaky: ${flaky.failed} of ${flaky.runs} runs failed`] : []),
    ...(quarantined && isExcused(record) ? [`in quarantine, ${safe(quarantined.owner)}`] : []),
  ]
}

const changeLinesShown = 40

/** What was changed is the news: from its beginning, with the names. */
function tamperedLine({ evidence }: CheckRecord): string {
  const lines = safe(evidence.excerpt ?? '').split('\n')
  const more = lines.length > changeLinesShown ? ['… openloom accept shows all of it'] : []
  const shown = [...lines.slice(0, changeLinesShown), ...more].map((line) => `         ${paint(styleOf(line), line)}`)
  return [`  ${paint('red', 'fail ')}  ${cut(evidence.summary, 400)}`, ...shown].join('\n')
}

const styleOf = (line: string) => (line.startsWith('+') ? 'green' : line.startsWith('-') ? 'red' : 'dim')

/** It passes in the workspace, and that is not the news. */
function cleanLine(title: string, { outcome, evidence }: CheckResult): string {
  const word = outcome === 'fail' ? paint('red', 'fail ') : paint('yellow', 'error')
  const { left } = evidence.facts ?? {}
  const names = Array.isArray(left) ? cut(`here, but no part of the result: ${left.join(', ')}`, 200) : null
  const head = `  ${word}  ${safe(title)}: passes here, not in a clean checkout. ${cut(evidence.summary, 160)}`
  return [withExcerpt(head, evidence), ...(names ? [`         ${names}`] : [])].join('\n')
}

function withExcerpt(head: string, { excerpt }: Evidence): string {
  if (!excerpt) return head
  const lines = safe(excerpt).split('\n').slice(-12)
  return [head, ...lines.map((line) => `         ${paint('dim', line)}`)].join('\n')
}
