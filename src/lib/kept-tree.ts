/**
 * What the files of a folder were at the last look, with their contents: in git where an object has exactly these
 * bytes, else as copies. It is on disk before anything runs, so that a kill loses nothing. It writes nothing back.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as breathe } from 'node:timers/promises'
import { reasonOf } from '../core/problem.ts'
import { type FileChange, type FileState, isSameState } from '../core/session.ts'
import { BlobIds, objectId } from './blob-ids.ts'
import { Blobs, folderMode, linkMode, readNow } from './blobs.ts'
import { sha256 } from './digest.ts'
import { errnoOf } from './files.ts'
import { askGit, readObjects } from './git.ts'
import { isSettled, Marks, type MarksRequest, Uncovered } from './marks.ts'
import type { Stat } from './tree.ts'

export interface TreeKeeping extends Omit<MarksRequest, 'limits'> {
  /** Where contents and the list of files are kept. */
  dir: string
  /** What earlier looks found, to be asked only for what changed. */
  ids?: BlobIds
  /** For copies; absent: its own. */
  room?: KeptRoom
}

const limits = { entriesMax: 200_000, limitMs: 15_000 }

/** What may be copied in one run. */
export class KeptRoom {
  private bytesLeft = 256 * 1024 * 1024

  /** False: there is not so much left. */
  take(sizeBytes: number): boolean {
    if (sizeBytes > this.bytesLeft) return false
    this.bytesLeft -= sizeBytes
    return true
  }
}

export interface TreeChanges {
  files: FileChange[]
  /** Why what changed is not known, or not all of it. */
  uncovered: string | null
}

interface Kept {
  mark: string
  mode: number
  /** `sha256` of a copy, `git:id`, or null: nobody can tell, or it is too large. */
  ref: string | null
  settled: boolean
}

/** Of a file that is gone only the path. */
type Line = [path: string, mark?: string, mode?: number, ref?: string | null, settled?: boolean]

const fileBytesMax = 8 * 1024 * 1024
const changesMax = 2_000
const objectsBytesMax = 256 * 1024 * 1024
const listBytesMax = 64 * 1024 * 1024
/** So few are read here; for more of them git is asked which it has. */
const fewMax = 64
/** Kept in one go; so much is lost when a look takes too long. */
const portion = 4_000
const nothing = sha256(Buffer.alloc(0))

export class KeptTree {
  private readonly keeping: TreeKeeping
  private readonly marks: Marks
  private readonly blobs: Blobs
  private readonly ids: BlobIds
  private readonly room: KeptRoom
  private known: Map<string, Kept> | null = null
  /** Not in the list of files yet: a look that was told and not stored is to be told again. */
  private open: Line[] = []
  private format = 'sha1'

  constructor(keeping: TreeKeeping) {
    this.keeping = keeping
    this.marks = new Marks({ ...keeping, limits })
    this.blobs = new Blobs(keeping.dir)
    this.ids = keeping.ids ?? new BlobIds()
    this.room = keeping.room ?? new KeptRoom()
  }

  /** Before something runs: from here on everything can be brought back. What changed since the last look. */
  before(wanted: boolean): Promise<TreeChanges> {
    return this.told({ after: false, wanted })
  }

  /**
   * What changed since `before`, also where another process has looked then and is gone; told again to the next process
   * until there was another look or a word that it is `stored`.
   */
  after(): Promise<TreeChanges> {
    return this.told({ after: true, wanted: true })
  }

  stored(): void {
    if (this.open.length === 0) return
    mkdirSync(this.keeping.dir, { recursive: true, mode: 0o700 })
    appendFileSync(this.listPath, textOf(this.open), { mode: 0o600 })
    this.open = []
  }

  private async told(how: { after: boolean; wanted: boolean }): Promise<TreeChanges> {
    try {
      return await this.look(how)
    } catch (error) {
      // A disk that is full, or a folder that cannot be read, costs the way back, not the call.
      if (error instanceof Uncovered) return { files: [], uncovered: error.message }
      if (!/^E[A-Z0-9]+$/.test(errnoOf(error))) throw error
      return { files: [], uncovered: reasonOf(error) }
    }
  }

  private async look({ after, wanted }: { after: boolean; wanted: boolean }): Promise<TreeChanges> {
    this.stored()
    const isFirst = this.known === null
    const known = this.known ?? this.load(after)
    this.known = known
    const lookedAt = Date.now()
    const found = await this.marks.look(after)
    const differ = [...found].filter(([path, { mark }]) => {
      const old = known.get(path)
      return old?.mark !== mark || !old.settled
    })
    const gone = [...known.keys()].filter((path) => !found.has(path))
    const keep = await this.keeperFor(differ, lookedAt)
    if (!wanted) {
      // Noted as it goes on: where it takes too long, the next look begins with what this one did.
      for (let at = 0; at < differ.length; at += portion) {
        this.note(await keep(differ.slice(at, at + portion)), [])
        this.stored()
      }
      this.note(new Map(), gone)
      this.stored()
      return { files: [], uncovered: null }
    }
    const now = await keep(differ)
    const changed = [...now].filter(([path, one]) => !isSameKept(known.get(path), one)).map(([path]) => path)
    let told = [...changed, ...gone]
    // Another process looked before; by what rules of git, nobody knows any more.
    const ruled = after && isFirst && told.some((path) => path.endsWith('.gitignore'))
    if (ruled) told = told.filter((path) => known.has(path))
    const files = told.length <= changesMax ? await this.changesOf(told, now) : []
    this.note(now, gone)
    if (!after) this.stored()
    const tooMany = `${told.length} files changed, which is more than ${changesMax}`
    return { files, uncovered: told.length > changesMax ? tooMany : null }
  }

  /** What keeps the contents of files as they are now, in git or copied. */
  private async keeperFor(all: readonly [string, Stat][], lookedAt: number) {
    const deadline = performance.now() + limits.limitMs
    const tracked = all.length > fewMax ? await this.tracked() : null
    return async (differ: readonly [string, Stat][]): Promise<Map<string, Kept>> => {
      const inGit = tracked ? await this.idsOf(differ, tracked) : new Map<string, string>()
      const now = new Map<string, Kept>()
      for (const [path, { kind, mark, mode, sizeBytes, changedAt }] of differ) {
        const settled = isSettled(changedAt, lookedAt)
        const id = inGit.get(path)
        if (kind === 'folder') now.set(path, { mark, mode: folderMode | mode, ref: nothing, settled: true })
        else if (id !== undefined) now.set(path, { mark, mode, ref: `git:${id}`, settled })
        else now.set(path, { mark, ...this.copy(path, { kind, mode, sizeBytes }), settled })
        if (now.size % fewMax > 0) continue
        await breathe()
        if (performance.now() > deadline) throw new Uncovered(`keeping its files took over ${limits.limitMs / 1_000} s`)
      }
      return now
    }
  }

  private copy(path: string, { kind, mode, sizeBytes }: Pick<Stat, 'kind' | 'mode' | 'sizeBytes'>) {
    const old = this.known?.get(path)
    const read = sizeBytes > fileBytesMax ? 'unknown' : readNow(join(this.keeping.cwd, path), fileBytesMax)
    const was = kind === 'link' ? linkMode : mode
    if (read === null || read === 'unknown') return { mode: was, ref: null }
    const { bytes } = read
    const id = old?.ref?.startsWith('git:') ? `git:${objectId('blob', bytes, this.format)}` : null
    if (id !== null && id === old?.ref) return { mode: read.mode, ref: id }
    const digest = sha256(bytes)
    if (old?.ref === digest) return { mode: read.mode, ref: digest }
    if (!this.room.take(bytes.length)) return { mode: read.mode, ref: null }
    return { mode: read.mode, ref: this.blobs.put(bytes, digest) }
  }

  /** What git has of each tracked file. */
  private async tracked(): Promise<ReadonlyMap<string, string>> {
    const staged = await askGit(this.keeping, ['ls-files', '--stage', '-z'], listBytesMax)
    const tracked = new Map<string, string>()
    for (const line of staged?.split('\0') ?? []) {
      const [, id, path] = /^100\d{3} ([0-9a-f]+) 0\t(.*)$/s.exec(line) ?? []
      if (id !== undefined && path !== undefined) tracked.set(path, id)
    }
    return tracked
  }

  /** Of tracked files whose bytes are those that git has, unfiltered. */
  private async idsOf(differ: readonly [string, Stat][], tracked: ReadonlyMap<string, string>) {
    const files = differ.flatMap(([path, { kind, mark, changedAt }]) =>
      kind === 'file' && tracked.has(path) ? [{ path, mark, changedAt }] : [],
    )
    const ids = files.length > 0 ? await this.ids.of(this.keeping, files) : []
    if (ids?.[0]?.length === 64) this.format = 'sha256'
    const same = files.flatMap(({ path }, index): [string, string][] => {
      const id = ids?.[index]
      return id !== undefined && id === tracked.get(path) ? [[path, id]] : []
    })
    return new Map(same)
  }

  /** What is kept in git alone is copied: from here on the session needs no object of the repository for it. */
  private async changesOf(paths: readonly string[], now: ReadonlyMap<string, Kept>): Promise<FileChange[]> {
    const pairs = paths.map((path) => ({ path, old: this.known?.get(path), kept: now.get(path) }))
    const refs = pairs.flatMap(({ old, kept }) => [old?.ref, kept?.ref])
    const ids = refs.flatMap((ref) => (ref?.startsWith('git:') ? [ref.slice(4)] : []))
    const objects = ids.length > 0 ? await readObjects(this.keeping, [...new Set(ids)], objectsBytesMax) : new Map()
    const stateOf = (kept: Kept | undefined): FileState => {
      if (!kept) return null
      if (kept.ref === null) return 'unknown'
      if (!kept.ref.startsWith('git:')) return { sha256: kept.ref, mode: kept.mode }
      const bytes = objects.get(kept.ref.slice(4))
      return bytes ? { sha256: this.blobs.put(bytes), mode: kept.mode } : 'unknown'
    }
    return pairs.flatMap(({ path, old, kept }): FileChange[] => {
      const [before, after] = [stateOf(old), stateOf(kept)]
      const same = before !== 'unknown' && isSameState(before, after)
      return same ? [] : [{ path: join(this.keeping.cwd, path), before, after }]
    })
  }

  private note(now: ReadonlyMap<string, Kept>, gone: readonly string[]): void {
    for (const [path, kept] of now) {
      this.known?.set(path, kept)
      this.open.push(lineOf(path, kept))
    }
    for (const path of gone) {
      this.known?.delete(path)
      this.open.push([path])
    }
  }

  private get listPath(): string {
    return join(this.keeping.dir, 'tree.jsonl')
  }

  /** What another run of the session noted; written anew where most of it is old, or a kill has torn its end. */
  private load(after: boolean): Map<string, Kept> {
    const known = new Map<string, Kept>()
    if (!existsSync(this.listPath)) {
      if (after) throw new Uncovered('nothing was noted before it')
      return known
    }
    const lines = readFileSync(this.listPath, 'utf8').split('\n')
    const torn = lines.pop()
    for (const [path, mark, mode, ref, settled] of this.parsed(lines)) {
      if (mark === undefined || mode === undefined || ref === undefined) known.delete(path)
      else known.set(path, { mark, mode, ref, settled: settled === true })
    }
    if (torn === '' && lines.length <= 2 * known.size + 1_000) return known
    writeFileSync(`${this.listPath}.tmp`, textOf([...known].map(([path, kept]) => lineOf(path, kept))), { mode: 0o600 })
    renameSync(`${this.listPath}.tmp`, this.listPath)
    return known
  }

  private parsed(lines: readonly string[]): Line[] {
    try {
      return lines.map((line) => JSON.parse(line) as Line)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      // Only the cut of the power leaves that. The next look begins anew.
      rmSync(this.listPath, { force: true })
      throw new Uncovered('what was noted before it is damaged')
    }
  }
}

const lineOf = (path: string, { mark, mode, ref, settled }: Kept): Line => [path, mark, mode, ref, settled]
const textOf = (lines: readonly Line[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join('')

const isSameKept = (old: Kept | undefined, now: Kept): boolean =>
  old !== undefined && old.ref === now.ref && old.mode === now.mode && (now.ref !== null || old.mark === now.mark)
