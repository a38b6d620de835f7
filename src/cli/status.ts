/** `openloom status`: what the daemon does, the newest tasks, and (with --login) a link that logs a browser in. */
import type { DaemonState, TaskPage } from '../server/api.ts'
import { requireDaemon } from './client.ts'
import { exit } from './exit.ts'
import { configOf, type Shell } from './program.ts'
import { cut, paint, print, printJson, stateOf, table } from './terminal.ts'

export interface StatusOptions {
  login?: boolean
  all?: boolean
  json?: boolean
}

export async function status(options: StatusOptions, shell: Shell): Promise<number> {
  const client = requireDaemon(configOf(shell), shell.env)
  if (options.login) {
    const { url } = await client.post<{ url: string }>('/api/login-codes', {})
    if (options.json) printJson({ url })
    else print(url)
    return exit.ok
  }
  const state = await client.get<DaemonState>('/api/state')
  const page = await client.get<TaskPage>(`/api/tasks?limit=${options.all ? 200 : 20}`)
  if (options.json) {
    printJson({ daemon: state, tasks: page.items, next: page.next })
    return exit.ok
  }
  const counts = Object.entries(state.counts).map(([name, n]) => `${n} ${name}`)
  print(`${client.url}  ${counts.join(', ') || 'no tasks yet'}${state.sample ? '  (sample: scripted model)' : ''}`)
  for (const alarm of state.alarms) print(paint('red', cut(alarm.text, 160)))
  const waiting = state.worktrees.slice(0, 5).map(({ taskId }) => taskId)
  if (waiting.length > 0) {
    const more = state.worktrees.length > waiting.length ? ', …' : ''
    const count = state.worktrees.length === 1 ? '1 worktree waits' : `${state.worktrees.length} worktrees wait`
    print(paint('yellow', `${count} for openloom merge, keep or drop: ${waiting.join(', ')}${more}`))
  }
  const rows = page.items.map((item) => [
    item.id,
    stateOf(item),
    `${item.progress.proven}/${item.progress.total}`,
    cut(item.title, 50),
    item.reason ? cut(item.reason.text, 60) : '',
  ])
  if (rows.length > 0) print(table([['id', 'status', 'proven', 'title', ''], ...rows]))
  if (page.next) print('… more with --all, or on the page')
  return exit.ok
}
