/** `openloom add`: a goal from the command line, or a markdown or YAML file, becomes a task of the running daemon. */
import { resolve } from 'node:path'
import { requireDaemon } from './client.ts'
import { exit } from './exit.ts'
import { configOf, type Shell, UsageError } from './program.ts'
import { specBody } from './spec-body.ts'
import { print, printJson } from './terminal.ts'

export interface AddOptions {
  workspace?: string
  check?: string[]
  title?: string
  runtime?: string
  model?: string
  worktree?: boolean
  attempts?: number
  minutes?: number
  file?: string
  key?: string
  json?: boolean
}

interface Added {
  id: string
  title: string
  url: string
}

export async function add(goal: string | undefined, options: AddOptions, shell: Shell): Promise<number> {
  const client = requireDaemon(configOf(shell), shell.env)
  const body = bodyOf(goal, options, shell)
  const source = options.file ? 'spec' : 'cli'
  const key = options.key ? { 'idempotency-key': options.key } : {}
  const task = await client.post<Added>('/api/tasks', body, { 'x-openloom-source': source, ...key })
  if (options.json) printJson(task)
  else print(`${task.id}  ${task.title}\n${client.url}${task.url}`)
  return exit.ok
}

function bodyOf(goal: string | undefined, options: AddOptions, shell: Shell): Record<string, unknown> {
  if (options.file) return { ...specBody(resolve(shell.cwd, options.file), shell), ...overrides(options, shell) }
  if (!goal?.trim()) {
    throw new UsageError({
      kind: 'no-goal',
      text: 'There is nothing to do: no goal and no --file.',
      todo: 'Write e.g. openloom add "make the tests pass" --check "run: npm test".',
    })
  }
  return { goal, workspace: shell.cwd, ...overrides(options, shell) }
}

function overrides(options: AddOptions, shell: Shell): Record<string, unknown> {
  const limits = {
    ...(options.attempts === undefined ? {} : { attempts: options.attempts }),
    ...(options.minutes === undefined ? {} : { minutes: options.minutes }),
  }
  return {
    ...(options.workspace ? { workspace: resolve(shell.cwd, options.workspace) } : {}),
    ...(options.title ? { title: options.title } : {}),
    ...(options.runtime ? { runtime: options.runtime } : {}),
    ...(options.model ? { model: options.model } : {}),
    ...(options.worktree ? { isolation: 'worktree' } : {}),
    ...(options.check?.length ? { checks: options.check } : {}),
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
  }
}
