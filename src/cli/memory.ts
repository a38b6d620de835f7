/** `openloom memory`: what agents are told in this folder beside the conversation. Needs no daemon. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { realOr } from '../config.ts'
import { ProblemError, type Result, refuse } from '../core/problem.ts'
import type { GuideFile, GuideText } from '../core/session.ts'
import { openTexts } from '../parts.ts'
import { exit } from './exit.ts'
import { withStore } from './own-store.ts'
import { configOf, type Shell, UsageError } from './program.ts'
import { paint, print, printJson, safe, table } from './terminal.ts'

interface Options {
  json?: boolean
}

type Guides = ReturnType<typeof openTexts>['guides']

function withGuides<T>(shell: Shell, work: (guides: Guides, workspace: string) => Promise<T>): Promise<T> {
  const loaded = configOf(shell)
  return withStore(loaded, (store) => work(openTexts(loaded, shell.env, { store }).guides, realOr(shell.cwd)))
}

function valueOr<T>(result: Result<T>): T {
  if (!result.ok) throw new ProblemError(...result.problems)
  return result.value
}

export async function listMemory(options: Options, shell: Shell): Promise<number> {
  const view = await withGuides(shell, (guides, workspace) => guides.view(workspace))
  if (options.json) printJson(view)
  else print(table(view.files.map((file) => [safe(file.path), placeOf(file), standingOf(file)])))
  return exit.ok
}

const placeOf = ({ kind, from }: GuideFile): string =>
  kind === 'memory' ? 'memory' : { user: 'yours', project: 'project', import: 'imported' }[from]

function standingOf({ sizeBytes, why, shownChars }: GuideFile): string {
  if (sizeBytes === null) return paint('dim', 'not there yet')
  const reason = why === null ? null : paint('yellow', whyWords[why])
  return [`${sizeBytes} bytes`, reason ?? (shownChars < sizeBytes - 200 ? `${shownChars} are shown` : null)]
    .filter(Boolean)
    .join(', ')
}

const whyWords = {
  beside: 'not read: another file beside it is',
  unreadable: 'not read: empty, or no text',
  'no-room': 'not read: no room is left',
  untrusted: 'shown as data: this folder is not trusted',
}

/** The path of a file that is named; without a name, of the memory. */
async function pathOf(guides: Guides, workspace: string, file: string | undefined, shell: Shell): Promise<string> {
  if (file !== undefined) return resolve(shell.cwd, file)
  const { files } = await guides.view(workspace)
  return files.find(({ kind }) => kind === 'memory')?.path ?? ''
}

export async function showMemory(file: string | undefined, options: Options, shell: Shell): Promise<number> {
  const found = await withGuides(shell, async (guides, workspace) =>
    valueOr(await guides.read(workspace, await pathOf(guides, workspace, file, shell))),
  )
  if (options.json) printJson(found)
  else if (found.sha256 === null) print(`${safe(found.path)} is not there yet.`)
  else print(safe(found.text).trimEnd())
  return exit.ok
}

export async function addMemory(text: string, options: Options, shell: Shell): Promise<number> {
  const kept = await withGuides(shell, async (guides, workspace) => valueOr(await guides.remember(workspace, text)))
  if (options.json) printJson(kept)
  else print(`Remembered in ${safe(kept.path)}`)
  return exit.ok
}

export async function editMemory(file: string | undefined, options: Options, shell: Shell): Promise<number> {
  const kept = await withGuides(shell, async (guides, workspace) => {
    const found = valueOr(await guides.read(workspace, await pathOf(guides, workspace, file, shell)))
    const write = (text: string) => guides.write(workspace, { ...found, text })
    return process.stdin.isTTY ? inEditor(found, shell, write) : valueOr(await write(await textOf(process.stdin)))
  })
  if (options.json) printJson(kept)
  else print(`Written: ${safe(kept.path)}`)
  return exit.ok
}

/** On a copy, which stays where it cannot be written: the file itself is written whole or not at all. */
async function inEditor(
  { path, text }: GuideText,
  { env }: Shell,
  write: (text: string) => Promise<Result<GuideText>>,
): Promise<GuideText> {
  const editor = env.VISUAL ?? env.EDITOR
  if (!editor) {
    const todo = 'Set EDITOR, or send the new text through a pipe.'
    throw new UsageError({ kind: 'no-editor', text: 'There is no $EDITOR.', todo })
  }
  const folder = mkdtempSync(join(tmpdir(), 'openloom-edit-'))
  const copy = join(folder, basename(path))
  writeFileSync(copy, text, { mode: 0o600 })
  const { status } = spawnSync('sh', ['-c', `${editor} "$1"`, 'sh', copy], { stdio: 'inherit', env })
  const written = status === 0 ? await write(readFileSync(copy, 'utf8')) : refuse(editorFailed)
  if (!written.ok && status === 0) throw new ProblemError(...written.problems, textKept(copy))
  rmSync(folder, { recursive: true })
  return valueOr(written)
}

const editorFailed = { kind: 'editor-failed', text: 'The editor failed; nothing was changed.', todo: 'Try again.' }
const textKept = (copy: string) => ({ kind: 'text-kept', text: `Your text is kept in ${copy}.` })
