/** `openloom status`: what the daemon does, the newest tasks, and (with --login) a link that logs a browser in. */
import { renderUnicodeCompact } from 'uqr'
import type { DaemonState, TaskPage } from '../server/api.ts'
import { requireDaemon } from './client.ts'
import { exit } from './exit.ts'
import { configOf, type Shell } from './program.ts'
import { cut, paint, print, printJson, stateOf, table } from './terminal.ts'

export interface StatusOptions {
  login?: boolean
  qr?: boolean
  all?: boolean
  json?: boolean
}

export async function status(options: StatusOptions, shell: Shell): Promise<number> {
  const client = requireDaemon(configOf(shell), shell.env)
  if (options.login) {
    const { url } = await client.post<{ url: string }>('/api/login-codes', {})
    if (options.json) printJson({ url })
    else printLogin(url, options.qr ?? false)
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
  if (state.sandbox.kind === 'none') print(paint('yellow', cut(`sandbox: none, ${state.sandbox.detail}`, 160)))
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
    `${item.progress.proven}/${item.progress.total} ${item.verdict === 'vacuous' ? 'passed' : 'proven'}`,
    cut(item.title, 50),
    item.reason ? cut(item.reason.text, 60) : '',
  ])
  if (rows.length > 0) print(table([['id', 'status', 'checks', 'title', ''], ...rows]))
  if (page.next) print('… more with --all, or on the page')
  return exit.ok
}

/** A phone that photographs the code is signed in; where only this machine can open it, that is said. */
function printLogin(url: string, asCode: boolean): void {
  if (asCode) print(renderUnicodeCompact(url, { border: 2 }))
  print(url)
  const isAlone = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname)
  if (asCode && isAlone) print(paint('yellow', onlyHere))
}

const onlyHere = [
  'Only this machine reaches that address: a phone cannot open it. Put a tunnel or a reverse proxy with TLS in front',
  'of the daemon and name it in server.allowed_hosts; docs/guide/security.md says how.',
].join('\n')
