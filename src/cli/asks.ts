/** `openloom asks`, `approve`, `deny`, `answer`: what sessions wait for, and a person's word on it. */
import { type AskReply, type AskRequest, type Grant, type Question, replyFrom, type WrittenReply } from '../core/ask.ts'
import { ProblemError } from '../core/problem.ts'
import type { AskItem, AskList, GrantList } from '../server/api.ts'
import type { Store } from '../store/open.ts'
import { type Client, findDaemon, requireDaemon } from './client.ts'
import { exit } from './exit.ts'
import { withStore } from './own-store.ts'
import { configOf, type Shell, UsageError } from './program.ts'
import { cut, paint, print, printJson, safe, wholeOf } from './terminal.ts'

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
  for (const { id, permission, pattern, workspace } of json ? [] : items) {
    print(`${paint('bold', safe(id))}  ${safe(permission)}  ${paint('dim', `in ${cut(workspace, 60)}`)}`)
    print(wholeOf(pattern))
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

export async function approve(
  id: string,
  options: { always?: boolean; fresh?: boolean; json?: boolean },
  shell: Shell,
): Promise<number> {
  return send(id, { kind: options.fresh ? 'fresh' : options.always ? 'always' : 'once' }, { options, shell })
}

export async function deny(id: string, options: { message?: string; json?: boolean }, shell: Shell): Promise<number> {
  return send(id, { kind: 'reject', message: options.message ?? null }, { options, shell })
}

/** One text a question: a label in any case, several with commas where several may be chosen, or own words. */
export async function answer(
  id: string,
  texts: string[],
  given: { options: { json?: boolean }; shell: Shell },
): Promise<number> {
  return send(id, { kind: 'answers', texts }, given)
}

async function send(
  id: string,
  written: WrittenReply,
  { options, shell }: { options: { json?: boolean }; shell: Shell },
): Promise<number> {
  const client = clientOf(shell)
  const found = await client.get<{ ask: AskItem }>(`/api/asks/${encodeURIComponent(id)}`)
  const reply = replyFrom(found.ask.request, written)
  if (!reply.ok) throw new UsageError(...reply.problems)
  const { ask } = await client.post<{ ask: AskItem }>(
    `/api/asks/${encodeURIComponent(found.ask.id)}`,
    bodyOf(reply.value),
  )
  if (options.json) printJson(ask)
  else print(`${safe(ask.id)}  ${ask.reply ? words[ask.reply.kind] : ask.status}`)
  const kept = reply.value.kind === 'always' && ask.request.kind === 'permission' ? ask.request.patterns : []
  for (const pattern of options.json ? [] : kept) print(wholeOf(pattern))
  return exit.ok
}

function bodyOf(reply: AskReply): Record<string, unknown> {
  if (reply.kind === 'answers') return { answers: reply.answers }
  if (reply.kind === 'feedback') return { reply: reply.kind, message: reply.text }
  return { reply: reply.kind, ...(reply.kind === 'reject' && reply.message ? { message: reply.message } : {}) }
}

const words: Record<AskReply['kind'], string> = {
  once: 'allowed once',
  always: 'allowed, and kept: take it back with `openloom asks --grants` and `--revoke`',
  reject: 'denied',
  answers: 'answered',
  execute: 'accepted: it is carried out',
  execute_fresh: 'accepted: a fresh session carries it out',
  feedback: 'sent back: the agent plans again',
}

const clientOf = (shell: Shell): Client => requireDaemon(configOf(shell), shell.env)

/** One line for a list. */
export function askLine({ id, request }: AskItem): string {
  return `${safe(id)}  ${cut(pointOf(request), 120)}`
}

function pointOf(request: AskRequest): string {
  if (request.kind === 'permission') {
    return `${request.permission} ${request.patterns.join(', ').replaceAll('\n', ' ⏎ ')}`
  }
  if (request.kind === 'plan') return `plan ${request.version}: ${request.text}`
  return request.questions.map(({ text }) => text).join(' / ')
}

function printAsk(item: AskItem): void {
  const { request, status, workspace, title, askedAt } = item
  const state = status === 'open' ? '' : `  ${paint('dim', status)}`
  print(`${paint('bold', safe(item.id))}  ${cut(title, 60)}  ${paint('dim', cut(workspace, 60))}${state}`)
  const meanwhile = status === 'open' && item.deferred ? '; the agent goes on with the rest' : ''
  print(paint('dim', `  asked ${new Date(askedAt).toLocaleString()}${meanwhile}`))
  if (request.kind === 'question') return printQuestions(request.questions)
  if (request.kind === 'plan') return printPlan(item.id, request)
  print(`  wants ${safe(request.permission)} on:`)
  for (const pattern of request.patterns) print(wholeOf(pattern))
  if (request.detail && !request.patterns.includes(request.detail)) {
    for (const line of safe(request.detail).split('\n').slice(0, 20)) print(paint('dim', `    | ${line}`))
  }
}

function printQuestions(questions: readonly Question[]): void {
  for (const { text, options, multiple } of questions) {
    print(`  ${cut(text, 500)}${multiple ? ' (several may be chosen)' : ''}`)
    for (const { label, description } of options)
      print(`    · ${cut(label, 100)}  ${paint('dim', cut(description, 100))}`)
  }
}

function printPlan(id: string, { version, text, fresh }: Extract<AskRequest, { kind: 'plan' }>): void {
  print(`  has a plan (version ${version}):`)
  for (const line of safe(text).split('\n')) print(`    ${line}`)
  const also = fresh ? ' [--fresh]' : ''
  print(
    paint('dim', `  openloom approve ${safe(id)}${also} · openloom answer ${safe(id)} "…" · openloom deny ${safe(id)}`),
  )
}
