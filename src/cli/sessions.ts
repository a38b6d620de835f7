/** `openloom sessions`: what all runtimes' sessions do, one of them whole, and what a person may do to it. */
import type { FileDiff, TranscriptMessage, TranscriptPage, TranscriptPart } from '../core/session.ts'
import type { SessionDetail, SessionDiff, SessionItem, SessionPage } from '../server/api.ts'
import { askLine } from './asks.ts'
import { type Client, requireDaemon } from './client.ts'
import { exit } from './exit.ts'
import { configOf, type Shell } from './program.ts'
import { cut, paint, print, printJson, safe, table } from './terminal.ts'
import { usageLine } from './usage.ts'

export interface ListOptions {
  all?: boolean
  workspace?: string
  state?: string
  archived?: boolean
  json?: boolean
}

export interface ShowOptions {
  transcript?: boolean
  diff?: boolean
  usage?: boolean
  json?: boolean
}

const goOn = 'Go on where you stopped.'

export async function listSessions(options: ListOptions, shell: Shell): Promise<number> {
  const client = clientOf(shell)
  const query = new URLSearchParams({ limit: options.all ? '200' : '30', roots: options.all ? 'false' : 'true' })
  if (options.workspace) query.set('workspace', options.workspace)
  if (options.state) query.set('state', options.state)
  if (options.archived) query.set('archived', 'true')
  const page = await client.get<SessionPage>(`/api/sessions?${query}`)
  if (options.json) {
    printJson(page)
    return exit.ok
  }
  const rows = page.items.map((item) => [
    safe(item.id),
    stateWord(item),
    safe(item.runtime),
    cut(item.title, 50),
    cut(item.workspace, 50),
    item.asks > 0 ? `${item.asks} waiting for you` : '',
  ])
  print(rows.length > 0 ? table([['id', 'state', 'runtime', 'title', 'folder', ''], ...rows]) : 'No sessions yet.')
  if (page.next) print('… more with --all, or on the page')
  return exit.ok
}

export async function showSession(id: string, options: ShowOptions, shell: Shell): Promise<number> {
  const client = clientOf(shell)
  const detail = await client.get<SessionDetail>(pathOf(id))
  const { session } = detail
  const path = pathOf(session.id)
  const page = options.transcript ? await client.get<TranscriptPage>(`${path}/transcript?limit=100`) : null
  const diff = options.diff ? await client.get<SessionDiff>(`${path}/diff`) : null
  if (options.json) {
    printJson({
      ...detail,
      ...(page ? { transcript: page } : {}),
      ...(diff ? { diff: diff.items, uncovered: diff.uncovered } : {}),
    })
    return exit.ok
  }
  printHead(detail)
  if (options.usage) {
    print(`alone           ${usageLine(detail.usage.own)}`)
    print(`with subagents  ${usageLine(detail.usage.total)}`)
  }
  if (page) printTranscript(page)
  for (const file of diff?.items ?? []) printDiff(file)
  for (const why of diff?.uncovered ?? []) print(`\n${safe(why)}`)
  return exit.ok
}

export async function abortSession(id: string, options: { json?: boolean }, shell: Shell): Promise<number> {
  const done = await clientOf(shell).post<{ pausedTaskId: string | null }>(`${pathOf(id)}/abort`, {})
  if (options.json) printJson(done)
  else print(done.pausedTaskId ? `Stopped. Task ${done.pausedTaskId} is paused.` : 'Stopped.')
  return exit.ok
}

/** Without a text: to go on. */
export async function promptSession(
  id: string,
  text: string | null,
  given: { options: { json?: boolean }; shell: Shell },
): Promise<number> {
  const sent = await clientOf(given.shell).post<{ promptId: string }>(`${pathOf(id)}/prompt`, { text: text ?? goOn })
  if (given.options.json) printJson(sent)
  else print('Sent.')
  return exit.ok
}

const clientOf = (shell: Shell): Client => requireDaemon(configOf(shell), shell.env)
const pathOf = (id: string): string => `/api/sessions/${encodeURIComponent(id)}`

function stateWord({ state, goneAt, stalledAt, diagnosis }: SessionItem): string {
  if (goneAt !== null) return 'gone'
  if (stalledAt !== null) return paint('red', `stalled: ${diagnosis?.cause ?? 'unknown'}`)
  return state ?? '–'
}

function printHead({ session, unfinished, root, children, asks }: SessionDetail): void {
  print(`${safe(session.id)}  ${cut(session.title, 200)}`)
  print(`${stateWord(session)}; ${safe(session.runtime)} in ${cut(session.workspace, 300)}`)
  if (session.diagnosis && session.stalledAt !== null) print(paint('red', cut(session.diagnosis.text, 500)))
  if (unfinished) print(paint('yellow', cut([unfinished.text, unfinished.todo].filter(Boolean).join(' '), 500)))
  if (session.taskId) print(`task ${safe(session.taskId)}`)
  if (root.id !== session.id) print(`subagent of ${safe(root.id)}  ${cut(root.title, 100)}`)
  for (const child of children) print(`  subagent ${safe(child.id)}  ${stateWord(child)}  ${cut(child.title, 80)}`)
  for (const ask of asks) print(`  asks ${askLine(ask)}`)
}

function printTranscript({ messages, next }: TranscriptPage): void {
  if (next) print(paint('dim', '\n… older messages are left out'))
  for (const message of messages) printMessage(message)
}

function printMessage({ role, at, model, parts, problem }: TranscriptMessage): void {
  const when = new Date(at).toTimeString().slice(0, 8)
  print(`\n${paint('bold', role)}  ${paint('dim', `${when}${model ? `  ${cut(model, 60)}` : ''}`)}`)
  for (const part of parts) print(partText(part))
  if (problem) print(paint('red', cut(problem, 500)))
}

function partText(part: TranscriptPart): string {
  if (part.kind !== 'tool') return part.kind === 'text' ? safe(part.text) : paint('dim', safe(part.text))
  const head = `[${safe(part.name)} ${part.state}] ${cut(part.input, 200)}`
  const output = safe(part.output).split('\n').slice(-20)
  return [head, ...output.map((line) => `    ${paint('dim', line)}`)].join('\n')
}

function printDiff({ path, status, additions, deletions, patch }: FileDiff): void {
  print(`\n${status} ${safe(path)}  +${additions} -${deletions}`)
  if (patch) print(safe(patch))
}
