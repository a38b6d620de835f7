/** `openloom show`: one task with its attempts: what the agent said against what the checks found. */
import type { AttemptRecord, CheckRecord } from '../core/verdict.ts'
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
  print(`\nAttempt ${number}: ${verdict ?? 'under way'}`)
  if (claim) print(`  the agent said: ${cut(claim, 200)}`)
  for (const check of checks) print(checkLine(check))
}

export function checkLine({ outcome, title, evidence, base }: CheckRecord): string {
  const style = outcome === 'pass' ? 'green' : outcome === 'fail' ? 'red' : 'yellow'
  const before = base === 'pass' ? paint('yellow', ' (passed before the work)') : ''
  const head = `  ${paint(style, outcome.padEnd(5))}  ${safe(title)}: ${cut(evidence.summary, 160)}${before}`
  if (outcome === 'pass' || !evidence.excerpt) return head
  const excerpt = safe(evidence.excerpt).split('\n').slice(-12)
  return [head, ...excerpt.map((line) => `         ${paint('dim', line)}`)].join('\n')
}
