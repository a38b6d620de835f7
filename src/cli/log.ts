/** `openloom log`: the event log, of everything or of one task; `--follow` goes on until interrupted. */
import type { DaemonState, EventPage, TaskDetail } from '../server/api.ts'
import { requireDaemon } from './client.ts'
import { exit } from './exit.ts'
import { configOf, type Shell } from './program.ts'
import { lineOf, print } from './terminal.ts'

export interface LogOptions {
  follow?: boolean
  json?: boolean
}

export async function log(id: string | undefined, options: LogOptions, shell: Shell): Promise<number> {
  const client = requireDaemon(configOf(shell), shell.env)
  const state = await client.get<DaemonState>('/api/state')
  const taskId = id ? (await client.get<TaskDetail>(`/api/tasks/${encodeURIComponent(id)}`)).task.id : null
  const path = taskId
    ? `/api/tasks/${taskId}/events?limit=1000`
    : `/api/events?limit=1000&after=${Math.max(0, state.seq - 200)}`
  const page = await client.get<EventPage>(path)
  const tell = (event: EventPage['items'][number]) => {
    const line = options.json ? JSON.stringify(event) : lineOf(event)
    if (line !== null) print(line)
  }
  for (const event of page.items) tell(event)
  if (!options.follow) return exit.ok
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  for await (const event of client.events(page.next ?? state.seq, stop.signal)) {
    if (!taskId || event.taskId === taskId) tell(event)
  }
  return exit.ok
}
