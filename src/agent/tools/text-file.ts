/**
 * Text files as the writing tools see them: inside the workspace, as last read, and written back in their own style.
 */
import { isAbsolute, relative, resolve } from 'node:path'
import { createTwoFilesPatch } from 'diff'
import { z } from 'zod'
import type { Formatter, Subject, ToolContext, ToolResult } from '../../core/tool.ts'
import { sha256 } from '../../lib/digest.ts'
import { decodeUtf8, errnoOf, isInside, readSmall, realPathInside } from '../../lib/files.ts'
import { isGitsOwn } from '../../lib/gits-own.ts'
import { writeHeld } from '../../lib/held-folder.ts'
import { isHidden } from '../../lib/secret-places.ts'

/** Larger files are read in parts and never edited. */
export const editBytesMax = 8 * 1024 * 1024
const diffCharsMax = 12_000
const diffTimeoutMs = 200

export const failure = (output: string, facts: Record<string, unknown> = {}): ToolResult => ({
  ok: false,
  output,
  facts,
})

export const filePath = z.string().min(1).describe('Absolute, or relative to the workspace.')

/** Of tools that change one file. */
export const changesFile = {
  isReadOnly: () => false,
  subjects: ({ file_path }: { file_path: string }): Subject[] => [{ kind: 'write', text: file_path }],
}

export interface Place {
  real: string
  /** Relative to the workspace, for people and the model. */
  shown: string
}

/** Or why it may not be used; reading tools may also look into the folder of whole outputs. */
export async function locate(context: ToolContext, path: string, reading = false): Promise<Place | string> {
  const place = await find(context, path, reading)
  if (!place) {
    return `${path} is outside the workspace (or runs through a broken link). Only paths inside it can be used.`
  }
  const { outputDir, workspace, hidden = [] } = context
  const isOutput = reading && isInside(outputDir, place.real)
  if (isOutput || !isHidden(hidden, workspace, place.real)) return place
  return `${path} is kept from every agent: keys, logins and OpenLoom's own data are not to be used.`
}

async function find(context: ToolContext, path: string, reading: boolean): Promise<Place | null> {
  const inside = await realPathInside(context.workspace, path)
  if (inside !== null) return { real: inside, shown: relative(context.workspace, inside) || '.' }
  if (context.access === 'root') {
    const real = await realPathInside('/', resolve(context.workspace, path))
    return real === null ? null : { real, shown: real }
  }
  // A relative path is one of the workspace, and nothing else.
  const whole = reading && isAbsolute(path) ? await realPathInside(context.outputDir, path) : null
  return whole === null ? null : { real: whole, shown: whole }
}

/** A part of its path was replaced between the look at it and its use. */
export const ledAway = ({ shown }: Place): string =>
  `${shown} leads elsewhere than a moment ago: a part of its path was replaced meanwhile. Nothing was done; look again.`

export interface TextFile {
  /** With LF when every line of the file ends in CRLF, else as it is; without BOM. */
  text: string
  bom: boolean
  crlf: boolean
  mode: number
  sha256: string
}

/** The file, null where there is none, or why it cannot be edited. */
async function readTextFile(place: Place): Promise<TextFile | string | null> {
  try {
    const { bytes, mode } = await readSmall(place.real, editBytesMax)
    if (!bytes) return `${place.shown} is larger than ${editBytesMax} bytes; change it with the bash tool.`
    const decoded = decodeUtf8(bytes)
    if (decoded === null || decoded.includes('\0')) return `${place.shown} is not UTF-8 text; it cannot be edited.`
    const bom = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
    return { ...styled(decoded), bom, mode: mode & 0o7777, sha256: sha256(bytes) }
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT') return null
    if (code === 'EISDIR' || code === 'ENOTREG') return `${place.shown} is not a regular file.`
    if (code === 'EMOVED' || code === 'ELOOP') return ledAway(place)
    return `${place.shown} cannot be read (${code}).`
  }
}

function styled(decoded: string): Pick<TextFile, 'text' | 'crlf'> {
  const crlf = decoded.includes('\r\n') && !/(^|[^\r])\n/.test(decoded)
  return { text: crlf ? decoded.replaceAll('\r\n', '\n') : decoded, crlf }
}

/** Why this session may not change the file now, or null: what it never read, or read otherwise, it does not know. */
function staleReason(context: ToolContext, place: Place, file: TextFile): string | null {
  const seen = context.seen.get(place.real)
  if (seen === file.sha256) return null
  return seen === undefined ? unread(place) : changedSince(place)
}

const unread = ({ shown }: Place): string => `${shown} exists and was not read in this session. Read it first.`
const changedSince = ({ shown }: Place): string =>
  `${shown} changed since it was read. Read it again, then repeat the change.`

function unwritable(place: Place, code: string): string {
  if (code === 'ECHANGED') return changedSince(place)
  if (code === 'EEXIST') return unread(place)
  if (code === 'EMOVED' || code === 'ELOOP') return ledAway(place)
  return `${place.shown} cannot be written (${code}).`
}

const notYours = ({ shown }: Place): string =>
  `${shown} is not changed: git's own settings and hooks are the person's. Say what you would change there, and why.`

/** A file that may be changed now; `before` is null where there is none yet. Else the result that says why not. */
export async function openToChange(
  context: ToolContext,
  path: string,
): Promise<Pick<Change, 'place' | 'before'> | { refused: ToolResult }> {
  const place = await locate(context, path)
  if (typeof place === 'string') return { refused: failure(place) }
  if (isGitsOwn(place.real)) return { refused: failure(notYours(place)) }
  const before = await readTextFile(place)
  if (typeof before === 'string') return { refused: failure(before) }
  const stale = before && staleReason(context, place, before)
  return stale ? { refused: failure(stale) } : { place, before }
}

export interface Change {
  place: Place
  /** Null: a new file. */
  before: TextFile | null
  after: string
}

/** Writes atomically in the style of the file before: BOM, line ends and mode stay. `said` opens the answer. */
export async function writeChange(context: ToolContext, change: Change, said: string): Promise<ToolResult> {
  const { place, before } = change
  const after = before?.crlf ? change.after.replace(/\r?\n/g, '\r\n') : change.after
  const plain = before?.bom && !after.startsWith('\ufeff') ? `\ufeff${after}` : after
  const formatter = (await context.format?.(place.real)) ?? null
  const piped = formatter?.kind === 'pipe' ? await throughPipe(formatter, plain) : { data: plain, note: '' }
  try {
    const kept = before ? { mode: before.mode } : {}
    await writeHeld(place.real, { data: piped.data, expected: before?.sha256 ?? null, ...kept })
  } catch (error) {
    return failure(unwritable(place, errnoOf(error)))
  }
  // Only what was written here is known: what lies there later may be the work of anybody.
  const digest = sha256(piped.data)
  context.seen.set(place.real, digest)
  const text = shownText(piped.data)
  const result =
    formatter?.kind === 'file' ? await throughFile(formatter, place, piped.data) : { text, note: piped.note }
  const { diff, added, removed } = diffOf(place.shown, before?.text ?? '', result.text)
  return {
    ok: true,
    output: `${said} (+${added} −${removed} lines)${result.note}`,
    facts: { path: place.real, sha256: digest, created: before === null, added, removed, diff },
  }
}

const shownText = (data: string): string => styled(data.replace(/^\ufeff/, '')).text

const failed = (name: string, fault: string): string => `; ${name} failed and changed nothing: ${fault}`
const formattedBy = (name: string): string => `; formatted by ${name}: read it again before the next change`

/** Before anything is written: one that fails costs its work, never the write. */
async function throughPipe(
  { name, run }: Extract<Formatter, { kind: 'pipe' }>,
  data: string,
): Promise<{ data: string; note: string }> {
  const made = await run(data)
  if ('fault' in made) return { data, note: failed(name, made.fault) }
  return made.text === data ? { data, note: '' } : { data: made.text, note: formattedBy(name) }
}

/** One that changes the file itself. Nobody can tell its work from a save of a person meanwhile: neither is undone. */
async function throughFile(
  { name, run }: Extract<Formatter, { kind: 'file' }>,
  place: Place,
  data: string,
): Promise<{ text: string; note: string }> {
  const text = shownText(data)
  const digest = sha256(data)
  const fault = (await run())?.fault ?? null
  const now = await readTextFile(place)
  const isText = now !== null && typeof now !== 'string'
  if (isText && now.sha256 === digest) return { text, note: fault === null ? '' : failed(name, fault) }
  if (!isText || (now.text === '' && text !== '')) {
    const put = writeHeld(place.real, { data, expected: isText ? now.sha256 : null })
    return {
      text,
      note: await put.then(
        () => failed(name, fault ?? 'it left no text'),
        () => lost(name),
      ),
    }
  }
  if (fault === null) return { text: now.text, note: formattedBy(name) }
  return { text: now.text, note: `; ${name} failed (${fault}), and the file is not what was written: read it again` }
}

const lost = (name: string): string => `; ${name} failed, and what it left could not be put right: read it again`

function diffOf(name: string, before: string, after: string): { diff: string; added: number; removed: number } {
  const options = { context: 3, timeout: diffTimeoutMs }
  const patch = createTwoFilesPatch(name, name, before, after, '', '', options)
  if (patch === undefined) return { diff: '(too different to show)', added: 0, removed: 0 }
  const lines = patch.split('\n').slice(4)
  const count = (sign: string) => lines.filter((line) => line.startsWith(sign)).length
  const cut = patch.length > diffCharsMax ? `${patch.slice(0, diffCharsMax)}\n[… diff cut …]` : patch
  return { diff: cut, added: count('+'), removed: count('-') }
}
