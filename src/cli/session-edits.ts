/**
 * `openloom sessions search|rename|archive|delete|fork|undo|steps|restore|export|import`: what a person does to them.
 */
import { readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { reasonOf } from '../core/problem.ts'
import { errnoOf } from '../lib/files.ts'
import type { Restored, SessionDetail, SessionSearch, SessionSteps, Undone } from '../server/api.ts'
import type { KnownSession } from '../store/watched.ts'
import { type Client, requireDaemon } from './client.ts'
import { exit } from './exit.ts'
import { configOf, type Shell, UsageError } from './program.ts'
import { cut, paint, print, printJson, safe, table } from './terminal.ts'

interface Options {
  json?: boolean
  yes?: boolean
  undo?: boolean
  files?: boolean
  at?: string
  from?: string
  markdown?: boolean
  output?: string
  workspace?: string
}

interface Given {
  options: Options
  shell: Shell
}

const clientOf = (shell: Shell): Client => requireDaemon(configOf(shell), shell.env)
const pathOf = (id: string): string => `/api/sessions/${encodeURIComponent(id)}`

function said(session: KnownSession, { json }: Options): number {
  if (json) printJson(session)
  else print(`${safe(session.id)}  ${cut(session.title, 200)}`)
  return exit.ok
}

export async function searchSessions(words: string, { json }: Options, shell: Shell): Promise<number> {
  const found = await clientOf(shell).get<SessionSearch>(`/api/sessions/search?q=${encodeURIComponent(words)}`)
  if (json) printJson(found)
  else if (found.items.length + found.titled.length === 0) print('Nothing was found.')
  for (const { id, title } of json ? [] : found.titled) print(`${safe(id)}  ${paint('bold', cut(title, 60))}`)
  for (const { sessionId, title, pieces } of json ? [] : found.items) {
    const text = pieces.map((piece) => (piece.found ? paint('bold', line(piece.text)) : line(piece.text))).join('')
    print(`${safe(sessionId)}  ${cut(title, 60)}\n    ${text}`)
  }
  if (!json && found.partial) print(paint('dim', 'The index is still growing: search again for what is newest.'))
  return exit.ok
}

const line = (text: string): string => safe(text).replace(/\s+/g, ' ')

export async function renameSession(id: string, title: string, { options, shell }: Given): Promise<number> {
  return said(await clientOf(shell).post<KnownSession>(`${pathOf(id)}/rename`, { title }), options)
}

export async function archiveSession(id: string, options: Options, shell: Shell): Promise<number> {
  return said(await clientOf(shell).post<KnownSession>(`${pathOf(id)}/archive`, { archived: !options.undo }), options)
}

export async function deleteSession(id: string, options: Options, shell: Shell): Promise<number> {
  const client = clientOf(shell)
  const { session } = await client.get<SessionDetail>(pathOf(id))
  if (!options.yes) {
    print(`${safe(session.id)}  ${cut(session.title, 200)}`)
    const text = 'This deletes all that was said in it; nothing brings it back.'
    throw new UsageError({ kind: 'not-confirmed', text, todo: 'Say it again with --yes, or archive it.' })
  }
  const gone = await client.delete<{ id: string }>(pathOf(session.id))
  if (options.json) printJson(gone)
  else print(`Deleted ${safe(gone.id)}.`)
  return exit.ok
}

export async function forkSession(id: string, options: Options, shell: Shell): Promise<number> {
  const body = options.at ? { at: options.at } : {}
  return said(await clientOf(shell).post<KnownSession>(`${pathOf(id)}/fork`, body), options)
}

export async function undoSession(id: string, options: Options, shell: Shell): Promise<number> {
  const undone = await clientOf(shell).post<Undone>(`${pathOf(id)}/undo`, { files: options.files === true })
  if (options.json) printJson(undone)
  else print('The last turn is taken back.')
  return undone.files ? restoredCode(undone.files, options) : exit.ok
}

export async function listSteps(id: string, { json }: Options, shell: Shell): Promise<number> {
  const { items } = await clientOf(shell).get<SessionSteps>(`${pathOf(id)}/steps`)
  if (json) printJson({ items })
  else if (items.length === 0) print('No call changed a file.')
  else {
    const rows = items.map(({ callId, tool, at, changes, uncovered }) => [
      ...[new Date(at).toTimeString().slice(0, 8), safe(callId ?? '–'), safe(tool ?? 'restored')],
      cut([...(uncovered ? [`not known: ${uncovered}`] : []), ...changes.map(({ path }) => path)].join(', '), 100),
    ])
    print(table([['at', 'call', 'by', 'files'], ...rows]))
  }
  return exit.ok
}

export async function restoreFiles(id: string, files: string[], { options, shell }: Given): Promise<number> {
  const paths = files.map((file) => resolve(realpathSync(shell.cwd), file))
  const body = { ...(options.from ? { from: options.from } : {}), ...(paths.length > 0 ? { paths } : {}) }
  const done = await clientOf(shell).post<Restored>(`${pathOf(id)}/restore`, body)
  if (options.json) printJson(done)
  return restoredCode(done, options)
}

function restoredCode({ restored, refused }: Restored, { json }: Options): number {
  for (const { path, after } of json ? [] : restored) {
    print(`${after === null ? 'removed ' : 'restored'}  ${safe(path)}`)
  }
  for (const { path, why } of json ? [] : refused) print(paint('yellow', `left      ${safe(path)}: ${why}`))
  if (!json && restored.length + refused.length === 0) print('No file had to be brought back.')
  return refused.length > 0 ? exit.failed : exit.ok
}

export async function exportSession(id: string, options: Options, shell: Shell): Promise<number> {
  const client = clientOf(shell)
  const path = `${pathOf(id)}/export`
  const text = options.markdown
    ? await client.text(`${path}?format=markdown`)
    : `${JSON.stringify(await client.get<unknown>(path), null, 2)}\n`
  if (!options.output) {
    process.stdout.write(options.markdown ? safe(text) : text)
    return exit.ok
  }
  const file = resolve(shell.cwd, options.output)
  try {
    writeFileSync(file, text, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    throw new UsageError({ kind: 'not-written', text: `${file} cannot be written (${errnoOf(error)}).` })
  }
  print(`Written to ${file}.`)
  return exit.ok
}

export async function importSession(path: string, options: Options, shell: Shell): Promise<number> {
  const workspace = realpathSync(resolve(shell.cwd, options.workspace ?? '.'))
  const file = readJson(resolve(shell.cwd, path))
  return said(await clientOf(shell).post<KnownSession>('/api/sessions/import', { workspace, file }), options)
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new UsageError({ kind: 'bad-session-file', text: `${path} cannot be read: ${reasonOf(error)}.` })
  }
}
