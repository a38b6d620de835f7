/**
 * What is remembered of a repository: one markdown file in the state folder, shown to every session that works in it. A
 * person writes it; the agent reads its beginning and no more.
 */
import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'
import { sha256 } from '../lib/digest.ts'
import { decodeUtf8, errnoOf, readBounded } from '../lib/files.ts'
import { maskLine, plainLine } from '../lib/mask.ts'
import { repositoryOf } from './instructions.ts'

export const memoryLinesMax = 200
export const memoryCharsMax = 25_000
/** A file may hold more than a model is shown. */
export const memoryBytesMax = 256 * 1024
export const noteCharsMax = 500

const intro =
  'Memory of this repository: notes that your user kept from earlier sessions. They may be out of date: where a file ' +
  'says otherwise, the file holds.'

/** Worktrees of one repository have one memory; two repositories of one name have two. */
export async function memoryPath(dir: string, workspace: string): Promise<{ path: string; repository: string }> {
  const repository = await mainCheckout(await repositoryOf(workspace))
  const name = basename(repository)
    .replace(/[^\w.-]/g, '_')
    .slice(0, 40)
  return { path: join(dir, `${name}-${sha256(repository).slice(0, 16)}`, 'MEMORY.md'), repository }
}

/** Of a linked worktree the folder that it belongs to, as far as that knows of it: a folder may say what it wants. */
async function mainCheckout(top: string): Promise<string> {
  try {
    if ((await stat(join(top, '.git'))).isDirectory()) return top
    const linked = /^gitdir: (.{1,4000})$/m.exec(await readLine(join(top, '.git')))?.[1] ?? ''
    const folder = await realpath(resolve(top, linked))
    const common = await realpath(resolve(folder, await readLine(join(folder, 'commondir'))))
    const back = await realpath(dirname(resolve(folder, await readLine(join(folder, 'gitdir')))))
    if (dirname(folder) !== join(common, 'worktrees') || back !== top) return top
    return basename(common) === '.git' ? dirname(common) : common
  } catch {
    // No repository, or a submodule: it is remembered by its own folder.
    return top
  }
}

const readLine = async (path: string): Promise<string> => (await readBounded(path, 8_192)).bytes.toString('utf8').trim()

/** As it stands in the prompt; empty where nothing is remembered, or nothing that can be read. */
export async function loadMemory(dir: string, workspace: string, charsMax: number): Promise<string> {
  const { path } = await memoryPath(dir, workspace)
  const text = (await readMemory(path))?.trim() ?? ''
  return text === '' ? '' : `${intro}\n\n${shownOf(text, charsMax)}`
}

/** Its beginning, where there is more than is read; null: there is none. */
export async function readMemory(path: string): Promise<string | null> {
  try {
    const { bytes, whole } = await readBounded(path, memoryBytesMax)
    return decodeUtf8(bytes, !whole)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENOTREG', 'ELOOP', 'EACCES'].includes(errnoOf(error))) return null
    throw error
  }
}

/** Whole lines from the beginning, and a word on what is left out. */
export function shownOf(text: string, charsMax = memoryCharsMax): string {
  const lines = text.split('\n')
  let chars = 0
  const fits = lines.findIndex((line, n) => {
    chars += line.length + 1
    return n >= memoryLinesMax || chars > charsMax + 1
  })
  if (fits < 0) return text
  const left = lines.length - fits
  return [...lines.slice(0, fits), `(${left} more ${left === 1 ? 'line is' : 'lines are'} not shown.)`].join('\n')
}

/** The text with one more note. */
export function withNote(text: string, note: string): string {
  const before = text === '' ? '# Memory\n\n' : text.endsWith('\n') ? text : `${text}\n`
  return `${before}- ${note}\n`
}

/** One line, as it is kept; or why it is not. */
export function noteOf(written: string): Result<string> {
  const line = plainLine(written, noteCharsMax + 1)
  if (line === '')
    return refuse({ kind: 'bad-note', text: 'There is nothing to remember.', todo: 'Write one sentence.' })
  if (line.length > noteCharsMax || written.length > noteCharsMax * 2) {
    const text = `A note has at most ${noteCharsMax} characters.`
    return refuse({ kind: 'bad-note', text, todo: 'Make it one sentence.' })
  }
  const secret = secretIn([line])
  return secret ? refuse(secret) : ok(line)
}

/** The first line that looks like it holds a secret: what is remembered goes to every model that works here. */
export function secretIn(lines: readonly string[]): Problem | null {
  const at = lines.findIndex((line) => maskLine(line, 4_000) !== plainLine(line, 4_000))
  if (at < 0) return null
  return {
    kind: 'looks-secret',
    text: 'It looks like it holds a secret (a key, a token, a password), and is not kept.',
    todo: 'Say where the secret is found, not what it is.',
    ...(lines.length > 1 ? { line: at + 1 } : {}),
  }
}
