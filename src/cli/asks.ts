/** `openloom asks`, `approve`, `deny`, `answer`: what sessions wait for, and a person's word on it. */
import { type AskReply, type Grant, replyFrom } from '../core/ask.ts'
import { ProblemError } from '../core/problem.ts'
import type { AskItem, AskList, GrantList } from '../server/api.ts'
import type { Store } from '../store/open.ts'
import { type Client, findDaemon, requireDaemon } from './client.ts'
import { exit } from './exit.ts'
import { withStore } from './own-store.ts'
import { configOf, type Shell, UsageError } from './program.ts'
import { cut, paint, print, printJson, safe, table } from './terminal.ts'

export interface AskOptions {
  all?: boolean
  grants?: boolean
  revoke?: string
  json?: boolean
}

export async function asks(options: AskOptions, shell: Shell): Promise<number> {
  if (options.revoke) return revoke(options.revoke, options, shell)
  if (options.grants) return grants(options, shell)
  const client = clientOf(shell)
  const { items } = await client.get<AskList>(`/api/asks?status=${options.all ? 'all' : 'open'}`)
  if (options.json) printJson({ items })
  else if (items.length === 0) print('Nothing waits for you.')
  for (const item of options.json ? [] : items) printAsk(item)
  return exit.ok
}

/** What was allowed in a chat can be seen and taken back without a daemon, as it was given. */
async function grants({ json }: AskOptions, shell: Shell): Promise<number> {
  const loaded = configOf(shell)
  const client = findDaemon(loaded, shell.env)
  const { items } = client
    ? await client.get<GrantList>('/api/grants')
    : await withStore(loaded, (store) => ({ items: store.asks.grants(1_000) }))
  if (json) printJson({ items })
  else if (items.length === 0) print('Nothing is allowed for good.')
  else {
    const rows = items.map((one) => [one.id, safe(one.permission), cut(one.pattern, 100), cut(one.workspace, 60)])
    print(table([['id', 'permission', 'on', 'in'], ...rows]))
  }
  return exit.ok
}

async function revoke(id: string, { json }: AskOptions, shell: Shell): Promise<number> {
  const loaded = configOf(shell)
  const client = findDaemon(loaded, shell.env)
  const done = client
    ? await client.delete<{ grant: { id: string } }>(`/api/grants/${encodeURIComponent(id)}`)
    : await withStore(loaded, (store) => ({ grant: revokedIn(store, id) }))
  if (json) printJson(done)
  else print(`Taken back: ${done.grant.id}. It is asked about again.`)
  return exit.ok
}

function revokedIn({ asks: kept }: Store, part: string): Grant {
  const [grant, another] = kept.findGrants(part)
  const todo = 'List them with `openloom asks --grants`.'
  if (!grant) throw new ProblemError({ kind: 'unknown-grant', text: 'There is no such grant.', todo })
  if (another) throw new ProblemError({ kind: 'ambiguous', text: `Several grants begin with ${safe(part)}.`, todo })
  kept.revoke(grant)
  return grant
}

export async function approve(id: string, options: { always?: boolean; json?: boolean }, shell: Shell) {
  return send(id, { reply: options.always ? 'always' : 'once' }, { options, shell })
}

export async function deny(id: string, options: { message?: string; json?: boolean }, shell: Shell) {
  const message = options.message ? { message: options.message } : {}
  return send(id, { reply: 'reject', ...message }, { options, shell })
}

/** One text a question: a label in any case, several with commas where several may be chosen, or own words. */
export async function answer(
  id: string,
  texts: string[],
  given: { options: { json?: boolean }; shell: Shell },
): Promise<number> {
  const { ask } = await clientOf(given.shell).get<{ ask: AskItem }>(`/api/asks/${encodeURIComponent(id)}`)
  const reply = replyFrom(ask.request, { kind: 'answers', texts })
  if (!reply.ok) throw new UsageError(...reply.problems)
  return send(ask.id, { answers: answersOf(reply.value) }, given)
}

const answersOf = (reply: AskReply): string[][] => (reply.kind === 'answers' ? reply.answers : [])

async function send(
  id: string,
  body: Record<string, unknown>,
  { options, shell }: { options: { json?: boolean }; shell: Shell },
): Promise<number> {
  const { ask } = await clientOf(shell).post<{ ask: AskItem }>(`/api/asks/${encodeURIComponent(id)}`, body)
  if (options.json) printJson(ask)
  else print(`${safe(ask.id)}  ${ask.reply ? words[ask.reply.kind] : ask.status}`)
  return exit.ok
}

const words: Record<AskReply['kind'], string> = {
  once: 'allowed once',
  always: 'allowed, and kept: take it back with `openloom asks --grants` and `--revoke`',
  reject: 'denied',
  answers: 'answered',
}

const clientOf = (shell: Shell): Client => requireDaemon(configOf(shell), shell.env)

/** One line for a list. */
export function askLine({ id, request }: AskItem): string {
  const what =
    request.kind === 'permission'
      ? `${request.permission} ${request.patterns.join(', ')}`
      : request.questions.map(({ text }) => text).join(' / ')
  return `${safe(id)}  ${cut(what, 120)}`
}

function printAsk(item: AskItem): void {
  const { request, status, workspace, title, askedAt } = item
  const state = status === 'open' ? '' : `  ${paint('dim', status)}`
  print(`${paint('bold', safe(item.id))}  ${cut(title, 60)}  ${paint('dim', cut(workspace, 60))}${state}`)
  print(paint('dim', `  asked ${new Date(askedAt).toLocaleString()}`))
  if (request.kind === 'question') {
    for (const { text, options, multiple } of request.questions) {
      print(`  ${cut(text, 500)}${multiple ? ' (several may be chosen)' : ''}`)
      for (const { label, description } of options)
        print(`    · ${cut(label, 100)}  ${paint('dim', cut(description, 100))}`)
    }
    return
  }
  print(`  wants ${safe(request.permission)} on:`)
  for (const pattern of request.patterns.slice(0, 20)) print(`    ${cut(pattern, 300)}`)
  if (request.detail && !request.patterns.includes(request.detail)) {
    for (const line of safe(request.detail).split('\n').slice(0, 20)) print(paint('dim', `    | ${line}`))
  }
}
