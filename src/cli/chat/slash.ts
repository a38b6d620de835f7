/** The commands of a chat that begin with a slash: one row each. What they do to sessions is done elsewhere. */
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Problem, Result } from '../../core/problem.ts'
import { type SessionRecord, withoutUndone } from '../../core/session.ts'
import { errnoOf } from '../../lib/files.ts'
import type { KnownSession } from '../../store/watched.ts'
import { lostWords } from '../lost.ts'
import type { Runner } from '../runner.ts'
import { cut, paint, safe, table } from '../terminal.ts'
import { usageLine } from '../usage.ts'

/** What a command works on. */
export interface Chat {
  readonly workspace: string
  readonly isTerminal: boolean
  model: string | null
  autoApproves: boolean
  /** Null: it is still being opened. */
  readonly opened: Runner | null
  runner(): Promise<Runner>
  /** Null: nothing was said yet. */
  session(): Promise<KnownSession | null>
  place(): SessionRecord
  defaultModel(): Promise<string>
  namedModel(wanted: string): Promise<Result<string>>
  say(text: string): void
  enter(sessionId: string | null): void
  leave(): void
}

export interface Slash {
  name: string
  /** How its argument is called; absent: it takes none. */
  takes?: string
  does: string
  /** Absent: always there. */
  isThere?(chat: Chat): boolean
  run(chat: Chat, argument: string): Promise<void> | void
}

const listMax = 15
const copyCharsMax = 75_000

export const slashes: readonly Slash[] = [
  { name: 'help', does: 'what there is', run: help },
  { name: 'new', does: 'begin a new session', run: (chat) => chat.enter(null) },
  { name: 'sessions', takes: '[id]', does: 'the sessions of this folder; with an id: go on in it', run: sessions },
  { name: 'rename', takes: '<title>', does: 'give this session another title', run: rename },
  { name: 'model', takes: '[name]', does: 'which model answers; with a name: another one', run: model },
  { name: 'compact', does: 'make room in the history now', isThere: canCompact, run: compact },
  { name: 'undo', takes: '[files]', does: 'take the last turn back; files: with what it changed', run: undo },
  { name: 'export', takes: '<file>', does: 'write the session: .json comes back, .md is for people', run: exportTo },
  { name: 'copy', does: 'put the last answer into the clipboard of your terminal', run: copy },
  { name: 'remember', takes: '<text>', does: 'keep one line for every session in this repository', run: remember },
  { name: 'permissions', does: 'the rules, and what was allowed for good', run: permissions },
  { name: 'cost', does: 'tokens and cost of this session', run: cost },
  { name: 'auto_approve', takes: '[on|off]', does: 'allow whatever would be asked, in this chat', run: autoApprove },
  { name: 'quit', does: 'leave', run: (chat) => chat.leave() },
]

export const slashesOf = (chat: Chat): Slash[] => slashes.filter(({ isThere }) => isThere?.(chat) ?? true)

function help(chat: Chat): void {
  const rows = slashesOf(chat).map(({ name, takes = '', does }) => [`  /${name} ${takes}`.trimEnd(), does])
  const more = [
    ['  !command', 'run it here, as the agent might; the agent is told'],
    ['  @file', 'Tab completes names of files'],
    ['  Ctrl-C', 'stops the run; twice at an empty line: leave'],
  ]
  chat.say(table([...rows, ...more]))
}

function tell<T>(chat: Chat, result: Result<T>, words: (value: T) => string): void {
  if (result.ok) chat.say(words(result.value))
  else for (const problem of result.problems) chat.say(faultOf(problem))
}

export const faultOf = ({ text, todo }: Problem): string =>
  paint('yellow', safe([text, todo].filter(Boolean).join('\n  ')))

const needs = (chat: Chat, what: string): void => chat.say(paint('yellow', what))

async function current(chat: Chat): Promise<KnownSession | null> {
  const session = await chat.session()
  if (!session) needs(chat, 'Nothing was said yet.')
  return session
}

async function sessions(chat: Chat, id: string): Promise<void> {
  const { store, talk } = await chat.runner()
  if (id === '') {
    const page = () => store.watched.page({ workspace: chat.workspace, runtime: 'builtin', limit: listMax }).items
    await talk.edits.mend(page())
    // Turns of a daemon that is gone stay its own, and are at work no more than others.
    const stateOf = (one: KnownSession) => (one.state === 'busy' && talk.edits.isFree(one) ? 'interrupted' : one.state)
    const rows = page().map((one) => [safe(one.id), stateOf(one) ?? '–', cut(one.title, 46)])
    return rows.length > 0 ? chat.say(table(rows)) : needs(chat, 'There is none in this folder yet.')
  }
  const [found, another] = store.watched.find(id).filter(({ runtime }) => runtime === 'builtin')
  if (!found || another) return needs(chat, found ? 'Several sessions begin so.' : 'There is no such session.')
  if (found.workspace !== chat.workspace) return needs(chat, `It works in another folder: ${safe(found.workspace)}`)
  chat.enter(found.id)
  const said = rowsOf(store, found).flatMap(({ entry }) => {
    if (entry.type === 'prompt') return [`${paint('bold', '›')} ${cut(entry.text, 300)}`]
    return entry.type === 'assistant' && entry.text ? [safe(entry.text).slice(0, 1_500)] : []
  })
  chat.say([paint('dim', cut(found.title, 70)), ...said.slice(-4), ...(await lostWords(talk, found))].join('\n'))
}

/** What still counts of what was said. */
const rowsOf = ({ sessions }: Runner['store'], { id }: KnownSession) =>
  withoutUndone(sessions.entries(id), ({ entry }) => entry)

async function rename(chat: Chat, title: string): Promise<void> {
  if (title === '') return needs(chat, 'Say the title behind it.')
  const session = await current(chat)
  if (!session) return
  const { talk } = await chat.runner()
  tell(chat, await talk.edits.rename(session, title), (renamed) => `It is called: ${cut(renamed.title, 200)}`)
}

async function model(chat: Chat, name: string): Promise<void> {
  const session = await chat.session()
  if (name === '') return chat.say(safe(session?.model ?? chat.model ?? (await chat.defaultModel())))
  const named = await chat.namedModel(name)
  if (!named.ok) return tell(chat, named, () => '')
  chat.model = name
  if (!session) return chat.say(`From now on: ${safe(name)}`)
  const { talk } = await chat.runner()
  tell(chat, await talk.edits.setModel(session, name), () => `From now on: ${safe(name)}`)
}

function canCompact(chat: Chat): boolean {
  return chat.opened?.runtime.compact !== undefined
}

async function compact(chat: Chat): Promise<void> {
  const session = await current(chat)
  const { runtime } = await chat.runner()
  if (session && runtime.compact) tell(chat, await runtime.compact(session.id), () => 'There is room again.')
}

async function undo(chat: Chat, what: string): Promise<void> {
  const session = await current(chat)
  if (!session) return
  const { talk } = await chat.runner()
  const undone = await talk.edits.undo(session, what === 'files')
  tell(chat, undone, ({ files }) => {
    const back = (files?.restored ?? []).map(({ path, after }) => `  ${after ? 'restored' : 'removed'} ${safe(path)}`)
    const left = (files?.refused ?? []).map(({ path, why }) => paint('yellow', `  left ${safe(path)}: ${why}`))
    return ['The last turn is taken back.', ...back, ...left].join('\n')
  })
}

async function exportTo(chat: Chat, name: string): Promise<void> {
  if (!/\.(json|md)$/.test(name)) return needs(chat, 'Name a file that ends in .json or .md.')
  const session = await current(chat)
  if (!session) return
  const { talk } = await chat.runner()
  const file = await talk.edits.export(session)
  if (!file.ok) return tell(chat, file, () => '')
  const path = resolve(chat.workspace, name)
  const text = name.endsWith('.md') ? talk.markdownOf(file.value) : `${JSON.stringify(file.value, null, 2)}\n`
  try {
    writeFileSync(path, text, { flag: 'wx', mode: 0o600 })
    chat.say(`Written to ${safe(path)}.`)
  } catch (error) {
    needs(chat, `${safe(path)} cannot be written (${errnoOf(error)}).`)
  }
}

/** OSC 52: the terminal itself keeps it, also over ssh. */
async function copy(chat: Chat): Promise<void> {
  const session = await current(chat)
  if (!session) return
  const { store } = await chat.runner()
  const last = rowsOf(store, session).findLast(({ entry }) => entry.type === 'assistant' && entry.text !== '')?.entry
  const text = last?.type === 'assistant' ? last.text.slice(0, copyCharsMax) : ''
  if (text === '') return needs(chat, 'There is no answer yet.')
  if (!chat.isTerminal) return needs(chat, 'There is no terminal that has a clipboard.')
  process.stdout.write(`\u001b]52;c;${Buffer.from(text).toString('base64')}\u0007`)
  chat.say(`${text.length} characters are in the clipboard, if your terminal lets programs write there.`)
}

async function remember(chat: Chat, text: string): Promise<void> {
  const { talk } = await chat.runner()
  tell(chat, await talk.guides.remember(chat.workspace, text), ({ path }) => `From the next turn on. In ${safe(path)}`)
}

async function permissions(chat: Chat): Promise<void> {
  const { store, talk } = await chat.runner()
  const { layers, trust, access, accepted } = await talk.policyOf(chat.place())
  const said = trust === 'trusted' && !accepted ? 'no word on its trust' : trust
  chat.say(`This folder: ${said}, ${access}.`)
  chat.say('The last rule that fits decides; of several lists, the strictest.')
  for (const [layer, rules] of Object.entries(layers)) {
    for (const rule of rules ?? []) chat.say(`  ${layer.padEnd(8)} ${cut(JSON.stringify(rule), 66)}`)
  }
  const kept = store.asks.grants(1_000).filter(({ workspace }) => workspace === chat.workspace)
  for (const { permission, pattern } of kept) chat.say(`  always   ${safe(permission)}: ${cut(pattern, 60)}`)
}

async function cost(chat: Chat): Promise<void> {
  const session = await current(chat)
  if (!session) return
  const { store } = await chat.runner()
  chat.say(usageLine(store.usage.ofTree([session.id]).own))
}

function autoApprove(chat: Chat, word: string): void {
  chat.autoApproves = word === '' ? !chat.autoApproves : word === 'on'
  const words = chat.autoApproves ? 'Whatever would be asked is allowed, in this chat only.' : 'You are asked again.'
  chat.say(chat.autoApproves ? paint('yellow', words) : words)
}
