/** `openloom show`: one task with its attempts: what the agent said against what the checks found. */
import { type AttemptRecord, type CheckRecord, flakyIn, isExcused, verdictText } from '../core/verdict.ts'
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
  const flaky = flakyIn(attempts.at(-1)?.checks ?? [])
  print(`${stateOf({ ...task, flaky })}${task.reason ? `: ${safe(task.reason.text)}` : ''}`)
  print(`${task.runtime} in ${safe(task.workspace)}; ${task.tokens} tokens, ${task.toolCalls} tool calls`)
  for (const attempt of attempts) printAttempt(attempt)
  return exit.ok
}

function printAttempt({ number, claim, verdict, checks }: AttemptRecord): void {
  print(`\nAttempt ${number}: ${verdict ? verdictText(verdict, flakyIn(checks)) : 'under way'}`)
  if (claim) print(`  the agent said: ${cut(claim, 200)}`)
  for (const check of checks) print(checkLine(check))
}

export function checkLine(record: CheckRecord): string {
  const { outcome, title, evidence, base, weakened = [], flaky, quarantined } = record
  const style = outcome === 'pass' ? 'green' : outcome === 'fail' ? 'red' : 'yellow'
  const notes = [
    ...(base === 'pass' ? ['passed before the work'] : []),
    ...(flaky ? [`flaky: ${flaky.failed} of ${flaky.runs} runs failed`] : []),
    ...(quarantined && isExcused(record) ? [`in quarantine, ${safe(quarantined.owner)}`] : []),
  ]
  const beside = notes.length > 0 ? paint('yellow', ` (${notes.join('; ')})`) : ''
  const head = `  ${paint(style, outcome.padEnd(5))}  ${safe(title)}: ${cut(evidence.summary, 160)}${beside}`
  const lost = weakened.map((why) => `         ${paint('yellow', cut(why, 400))}`)
  if (outcome === 'pass' || !evidence.excerpt) return [head, ...lost].join('\n')
  const excerpt = safe(evidence.excerpt).split('\n').slice(-12)
  return [head, ...excerpt.map((line) => `         ${paint('dim', line)}`)].join('\n')
}
