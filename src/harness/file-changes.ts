/**
 * What a session changed, told from the contents that were kept around its calls: steps, diffs, and the way back. Never
 * writes over a file that is not what the session left.
 */
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, rename, rmdir, symlink, unlink } from 'node:fs/promises'
import { dirname, relative } from 'node:path'
import { createTwoFilesPatch } from 'diff'
import {
  type FileChange,
  type FileDiff,
  type FileState,
  isKeptState,
  isSameState,
  type JournalEntry,
  type StoredEntry,
} from '../core/session.ts'
import { type Blobs, isFolderMode, isLinkMode, readNow } from '../lib/blobs.ts'
import { sha256 } from '../lib/digest.ts'
import { decodeUtf8, errnoOf, isInside, realPathInside, writeAtomic } from '../lib/files.ts'

/** One call and the files that it changed, or that came back by a person's word. */
export interface Step {
  seq: number
  at: number
  /** Null: files were brought back. */
  callId: string | null
  tool: string | null
  changes: FileChange[]
  /** Why what it changed is not known, or not all of it. */
  uncovered?: string
}

/** A file from the first of some steps to the last of them. */
export interface NetChange extends FileChange {
  /** Between two of the steps somebody else changed it. */
  mixed: boolean
}

/** What a session changed, file by file. */
export interface SessionDiff {
  items: FileDiff[]
  /** In sentences, why it may have changed more. */
  uncovered: string[]
}

export interface Restored {
  restored: FileChange[]
  refused: { path: string; why: string }[]
}

const fileBytesMax = 8 * 1024 * 1024
const patchCharsMax = 1_000_000
const diffTimeoutMs = 500

export function stepsOf(rows: readonly StoredEntry[]): Step[] {
  const tools = new Map<string, string>()
  const begun = new Map<string, Extract<JournalEntry, { type: 'tool.started' }>>()
  return rows.flatMap(({ seq, at, entry }): Step[] => {
    if (entry.type === 'assistant') for (const { id, name } of entry.calls) tools.set(id, name)
    if (entry.type === 'restored') return [{ seq, at, callId: null, tool: null, changes: entry.files }]
    if (entry.type === 'note' && entry.ran) tools.set(entry.runId, '!')
    if (entry.type === 'changed') {
      const { callId, files: changes, uncovered } = entry
      return [{ seq, at, callId, tool: tools.get(callId) ?? null, changes, ...(uncovered ? { uncovered } : {}) }]
    }
    if (entry.type === 'tool.started') begun.set(entry.callId, entry)
    if (entry.type !== 'tool.ended') return []
    const { callId, files = [] } = entry
    const changes = (begun.get(callId)?.files ?? []).flatMap(({ path, state: before }): FileChange[] => {
      const after = files.find((file) => file.path === path)?.state ?? (files.length > 0 ? null : 'unknown')
      return isSameState(before, after) && before !== 'unknown' ? [] : [{ path, before, after }]
    })
    return changes.length > 0 ? [{ seq, at, callId, tool: tools.get(callId) ?? null, changes }] : []
  })
}

export function uncoveredOf(steps: readonly Step[]): string[] {
  const reasons = new Set(steps.flatMap(({ uncovered }) => uncovered ?? []))
  return [...reasons].map((why) => `What a command changed here is not known: ${why}.`)
}

export function netOf(steps: readonly Step[]): NetChange[] {
  const net = new Map<string, NetChange>()
  for (const change of steps.flatMap((step) => step.changes)) {
    const { path, before, after } = change
    const known = net.get(path)
    if (!known) net.set(path, { ...change, mixed: false })
    else net.set(path, { path, before: known.before, after, mixed: known.mixed || !isSameState(known.after, before) })
  }
  return [...net.values()].filter(
    ({ before, after, mixed }) => mixed || before === 'unknown' || !isSameState(before, after),
  )
}

export function diffOf(change: FileChange, { blobs, workspace }: { blobs: Blobs; workspace: string }): FileDiff {
  const { path, before, after } = change
  const shown = isInside(workspace, path) ? relative(workspace, path) : path
  const status = before === null ? 'added' : after === null ? 'deleted' : 'changed'
  const [old, now] = [textOf(before, blobs), textOf(after, blobs)]
  const nothing = { path: shown, status, additions: 0, deletions: 0, patch: '' } as const
  if (old === null || now === null) return nothing
  const patch = createTwoFilesPatch(shown, shown, old, now, '', '', { context: 3, timeout: diffTimeoutMs })
  if (patch === undefined) return nothing
  // Two lines that only name the file stand before it.
  const lines = patch.split('\n').slice(2)
  const count = (sign: string) => lines.slice(2).filter((line) => line.startsWith(sign)).length
  const shortened = lines.join('\n').slice(0, patchCharsMax)
  return { ...nothing, additions: count('+'), deletions: count('-'), patch: shortened }
}

/** Null: no text, or not kept. */
function textOf(state: FileState, blobs: Blobs): string | null {
  if (state === null) return ''
  const bytes = isKeptState(state) ? blobs.get(state.sha256) : null
  const text = bytes ? decodeUtf8(bytes) : null
  return text?.includes('\0') ? null : text
}

/** Each file by itself: those that are still what the session left get back what they were, the others are named. */
export async function restore(changes: readonly NetChange[], blobs: Blobs): Promise<Restored> {
  const done: Restored = { restored: [], refused: [] }
  for (const change of [...changes].sort(inOrder)) {
    const { path, before, after } = change
    const why = await restoreOne(change, blobs)
    if (why === null) done.restored.push({ path, before: after, after: before })
    else if (why !== alreadySo) done.refused.push({ path, why })
  }
  return done
}

export const isFolder = (state: FileState): boolean => isKeptState(state) && isFolderMode(state.mode)

/** What is in a folder goes before it, and comes after it. */
function inOrder(a: NetChange, b: NetChange): number {
  const rank = ({ before, after }: NetChange): number =>
    isFolder(before) ? 2 : isFolder(after) ? 1 : before === null ? 0 : 3
  return rank(a) - rank(b) || (rank(a) === 1 ? b.path.length - a.path.length : a.path.length - b.path.length)
}

const alreadySo = 'It is what it was already.'

/** Why not; null: it is done. */
async function restoreOne({ path, before, after, mixed }: NetChange, blobs: Blobs): Promise<string | null> {
  if (before === 'unknown' || after === 'unknown') return 'What it was is not known.'
  if (mixed) return 'Somebody else changed it between the steps of the session.'
  if ((await realPathInside('/', dirname(path))) !== dirname(path)) return 'Its folder is another one now.'
  const found = readNow(path, fileBytesMax)
  const now = found === null || found === 'unknown' ? found : { sha256: sha256(found.bytes), mode: found.mode }
  if (isSameState(now, before)) return alreadySo
  if (!isSameState(now, after)) return 'It changed since.'
  const bytes = before === null || isFolder(before) ? nothing : blobs.get(before.sha256)
  if (bytes === null) return 'What it was is not kept any more.'
  try {
    if (isFolder(after) && !isFolder(before)) await rmdir(path)
    else if (after !== null && (before === null || isFolder(before) !== isFolder(after))) await unlink(path)
    if (before !== null) await put(path, before.mode, bytes)
    return null
  } catch (error) {
    return errnoOf(error) === 'ENOTEMPTY' ? 'It is not empty.' : `It cannot be written (${errnoOf(error)}).`
  }
}

const nothing = Buffer.alloc(0)

async function put(path: string, mode: number, bytes: Buffer): Promise<void> {
  if (isFolderMode(mode)) {
    await mkdir(path, { recursive: true })
    await chmod(path, mode & 0o7777)
  } else if (isLinkMode(mode)) {
    const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
    await symlink(bytes, temporary)
    await rename(temporary, path)
  } else await writeAtomic(path, bytes, { mode })
}
