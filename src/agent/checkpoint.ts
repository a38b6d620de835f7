/**
 * What files were right before a call and right after, kept outside of the workspace: those that it names, and where it
 * may change what it does not name (a command, a formatter), all of the workspace that git does not ignore. Nobody's
 * index or branch is touched.
 */
import { dirname, join, resolve } from 'node:path'
import type { FileMoment, FileState, JournalEntry, SessionRecord } from '../core/session.ts'
import type { AnyTool } from '../core/tool.ts'
import type { BlobIds } from '../lib/blob-ids.ts'
import { Blobs, readNow } from '../lib/blobs.ts'
import { realPathInside } from '../lib/files.ts'
import type { GitRequest } from '../lib/git.ts'
import { KeptRoom, KeptTree, type TreeChanges } from '../lib/kept-tree.ts'

const fileBytesMax = 8 * 1024 * 1024
const pathsMax = 50

/** The workspace and how git is asked in it. */
export interface CheckpointPlace extends GitRequest {
  /** Where all that is kept of the session lies. */
  dir: string
  /** Absolute paths of folders that are no part of the workspace. */
  except: readonly string[]
  ids?: BlobIds
}

export type ChangedRow = Extract<JournalEntry, { type: 'changed' }>

export class Checkpoint {
  private readonly blobs: Blobs
  private readonly tree: KeptTree
  private readonly room = new KeptRoom()
  /** Why nothing more is looked at in this run. */
  private gaveUp: string | null = null
  /** What goes on in the background: what changes between two looks is taken for its doing. */
  private lasting: string | null = null

  constructor(place: CheckpointPlace) {
    this.blobs = new Blobs(place.dir)
    this.tree = new KeptTree({ ...place, room: this.room })
  }

  moments(paths: readonly string[]): FileMoment[] {
    return paths.map((path) => ({ path, state: this.keep(path) }))
  }

  /** Right before something runs; a row where a command in the background has changed something since the last look. */
  async before(runId: string): Promise<ChangedRow[]> {
    if (this.gaveUp !== null) return []
    const { lasting } = this
    const changes = await this.tree.before(lasting !== null)
    // One that takes too long, or is too much, would be so again at each call.
    this.gaveUp = changes.uncovered
    return lasting === null ? [] : rowOf({ runId, callId: lasting }, { ...changes, uncovered: null })
  }

  /** Right after it; `goesOn`: it left something behind that works on. */
  async after(of: Pick<ChangedRow, 'runId' | 'callId'>, goesOn = false): Promise<ChangedRow[]> {
    if (goesOn) this.lasting = of.callId
    if (this.gaveUp !== null) return rowOf(of, { files: [], uncovered: this.gaveUp })
    return rowOf(of, await this.tree.after())
  }

  /** When all that a run left in the background has ended. */
  async end(runId: string): Promise<ChangedRow[]> {
    return this.lasting === null ? [] : this.after({ runId, callId: this.lasting })
  }

  private keep(path: string): FileState {
    const now = readNow(path, fileBytesMax)
    if (now === null || now === 'unknown') return now
    if (!this.room.take(now.bytes.length)) return 'unknown'
    return { sha256: this.blobs.put(now.bytes), mode: now.mode }
  }
}

/** Of a session, whose folder lies below `root`; what is kept beside it is ours, wherever a person has put it. */
export function openCheckpoint(
  { id, workspace: cwd }: SessionRecord,
  { root, ...git }: Omit<CheckpointPlace, 'dir' | 'except' | 'cwd'> & { root: string },
): Checkpoint {
  return new Checkpoint({ ...git, cwd, dir: join(root, id), except: [dirname(root)] })
}

function rowOf(of: Pick<ChangedRow, 'runId' | 'callId'>, { files, uncovered }: TreeChanges): ChangedRow[] {
  if (files.length === 0 && uncovered === null) return []
  return [{ type: 'changed', ...of, files, ...(uncovered === null ? {} : { uncovered }) }]
}

/** Whether a call may change files that it does not name. */
export const changesUnnamed = (tool: AnyTool, input: unknown): boolean =>
  tool.changesFiles !== false && !(tool.subjects?.(input) ?? []).some(({ kind }) => kind === 'write')

/** Real paths of the files that a call would write. */
export async function writtenBy(tool: AnyTool, input: unknown, workspace: string): Promise<string[]> {
  const named = (tool.subjects?.(input) ?? []).filter(({ kind }) => kind === 'write').slice(0, pathsMax)
  const paths = await Promise.all(named.map(({ text }) => realPathInside('/', resolve(workspace, text))))
  return [...new Set(paths.flatMap((path) => path ?? []))]
}
