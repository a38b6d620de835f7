/** `openloom pause|resume|cancel|retry|archive`: what a person may do to a task. */
import type { Limits } from '../core/spec.ts'
import type { Task } from '../core/task.ts'
import { requireDaemon } from './client.ts'
import { exit } from './exit.ts'
import { configOf, type Shell } from './program.ts'
import { print, printJson, safe, stateOf } from './terminal.ts'

export interface CommandOptions {
  minutes?: number
  attempts?: number
  toolCalls?: number
  tokens?: number
  json?: boolean
}

export async function command(
  name: string,
  id: string,
  given: { options: CommandOptions; shell: Shell },
): Promise<number> {
  const { options, shell } = given
  const client = requireDaemon(configOf(shell), shell.env)
  const { minutes, attempts, toolCalls, tokens } = options
  const limits: Limits = Object.fromEntries(
    Object.entries({ minutes, attempts, tool_calls: toolCalls, tokens }).filter(([, value]) => value !== undefined),
  )
  const body = Object.keys(limits).length > 0 ? { limits } : {}
  const { task } = await client.post<{ task: Task }>(`/api/tasks/${encodeURIComponent(id)}/${name}`, body)
  if (options.json) printJson(task)
  else print(`${task.id}  ${stateOf(task)}  ${safe(task.title)}`)
  return exit.ok
}
