/** `openloom show`: one task with its attempts: what the agent said against what the checks found. */
import type { CheckResult, Evidence } from '../core/check.ts'
import { type AttemptRecord, type CheckRecord, originWords } from '../core/verdict.ts'
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
  const { task, attempts } = detail
  print(`${task.id}  ${safe(task.title)}`)
  print(`${stateOf(task)}${task.reason ? `: ${safe(task.reason.text)}` : ''}`)
  print(`${task.runtime} in ${safe(task.workspace)}; ${task.tokens} tokens, ${task.toolCalls} tool calls`)
  for (const attempt of attempts) printAttempt(attempt)
  return exit.ok
}

function printAttempt({ number, claim, verdict, checks }: AttemptRecord): void {
  print(`\nAttempt ${number}: ${verdict ?? 'under way'}`)
  if (claim) print(`  the agent said: ${cut(claim, 200)}`)
  for (const check of checks) print(checkLine(check))
}

export function checkLine({ outcome, title, origin, evidence, base, clean }: CheckRecord): string {
  if (outcome === 'pass' && clean && clean.outcome !== 'pass') return cleanLine(title, clean)
  const style = outcome === 'pass' ? 'green' : outcome === 'fail' ? 'red' : 'yellow'
  const before = base === 'pass' ? paint('yellow', ' (passed before the work)') : ''
  const label = origin ? paint('dim', ` (${originWords[origin]})`) : ''
  const head = `  ${paint(style, outcome.padEnd(5))}  ${safe(title)}${label}: ${cut(evidence.summary, 160)}${before}`
  return outcome === 'pass' ? head : withExcerpt(head, evidence)
}

/** It passes in the workspace, and that is not the news. */
function cleanLine(title: string, { outcome, evidence }: CheckResult): string {
  const word = outcome === 'fail' ? paint('red', 'fail ') : paint('yellow', 'error')
  const { left } = evidence.facts ?? {}
  const names = Array.isArray(left) ? ` Here, but no part of the result: ${left.join(', ')}` : ''
  const head = `  ${word}  ${safe(title)}: passes here, not in a clean checkout. ${cut(evidence.summary, 160)}`
  return withExcerpt(`${head}${cut(names, 200)}`, evidence)
}

function withExcerpt(head: string, { excerpt }: Evidence): string {
  if (!excerpt) return head
  const lines = safe(excerpt).split('\n').slice(-12)
  return [head, ...lines.map((line) => `         ${paint('dim', line)}`)].join('\n')
}
