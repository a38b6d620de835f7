/**
 * The inbox folder. A rescan is the truth and the watcher only a hint; a file is read once nobody writes to
 * it, handed on under a key that survives a crash, and only then renamed. It never decides what a text means.
 */
import { lstat, mkdir, readdir, rename } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type FSWatcher, watch } from 'chokidar'
import type { Clock, Timer } from '../core/clock.ts'
import { type Problem, reasonOf } from '../core/problem.ts'
import type { Submission } from '../core/task.ts'
import { sha256 } from '../lib/digest.ts'
import { failpoint } from '../lib/failpoint.ts'
import { errnoOf, ignoreMissing, readBounded, syncFolder, writeAtomic } from '../lib/files.ts'
import { archiveName, candidateOf } from './candidates.ts'
import { taskBytesMax } from './dispatch.ts'
import { canAskFor, openForWriting } from './writers.ts'

/** What a file led to; the folder renames it accordingly. */
export type FileOutcome =
  | { kind: 'accepted' | 'known'; taskId: string }
  | Extract<Submission, { kind: 'obeyed' }>
  | { kind: 'rejected'; problems: Problem[] }

export interface InboxFile {
  name: string
  /** name + inode + mtime (ns) + sha256. */
  key: string
  sha256: string
  /** At most `taskBytesMax` + 1. */
  bytes: Uint8Array
  /** Why it may not be read at all, found before reading. */
  problem: Problem | null
}

export interface DirectoryOptions {
  dir: string
  clock: Clock
  /** Slow rescan. */
  sweepMs: number
  /** How long a file must be unchanged where nobody can say who writes to it. */
  quietMs: number
  /** Stores what the file asks for, idempotent by `file.key`. Throws when nothing could be stored: the file stays. */
  take(file: InboxFile): Promise<FileOutcome>
  /** The file of an accepted task has other bytes now. */
  changed(taskId: string, file: InboxFile): Promise<void>
  /** Something a person should know; `code` names the lasting condition, null text clears it. */
  alarm(code: string, text: string | null): void
}

interface Seen {
  sizeBytes: number
  mtimeNs: bigint
  since: number
}

interface Consumed {
  taskId: string
  sha256: string
  mtimeNs: bigint
  until: number
}

const floodMin = 50
const lookAgainMinMs = 100
const lookAgainMaxMs = 2_000
const lateWritesMs = 60_000
const lateLookMinMs = 500

export class InboxDirectory {
  private readonly options: DirectoryOptions
  private watcher: FSWatcher | null = null
  private watched = ''
  private sweep: Timer | null = null
  private soon: Timer | null = null
  private late: Timer | null = null
  private lateDelayMs = 0
  private scanning: Promise<void> | null = null
  private again = false
  private closed = false
  private readonly seen = new Map<string, Seen>()
  private readonly consumed = new Map<string, Consumed>()
  /** Taken, but its rename failed: not read again until it changes. */
  private readonly stuck = new Map<string, bigint>()

  constructor(options: DirectoryOptions) {
    this.options = options
  }

  /** Resolves when the folder is there and watched; what lies in it is handed on from then on. */
  async open(): Promise<void> {
    await this.arm().catch(() => {
      // The scan meets the same trouble, says so, and tries again.
    })
    void this.scan().then(() => this.scheduleSweep())
  }

  get watching(): boolean {
    return this.watcher !== null
  }

  async close(): Promise<void> {
    this.closed = true
    this.sweep?.cancel()
    this.soon?.cancel()
    this.late?.cancel()
    await this.scanning
    await this.watcher?.close()
  }

  /** Looks now; while a look is under way, once more after it. */
  scan(): Promise<void> {
    if (this.scanning !== null) {
      this.again = true
      return this.scanning
    }
    this.scanning = this.scanUntilQuiet().finally(() => {
      this.scanning = null
    })
    return this.scanning
  }

  private async scanUntilQuiet(): Promise<void> {
    do {
      this.again = false
      try {
        await this.arm()
        await this.scanOnce()
        this.options.alarm('inbox', null)
      } catch (error) {
        // The folder is gone, unreadable, or the disk is full: say so and look again; nothing was renamed or lost.
        this.options.alarm('inbox', `The inbox ${this.options.dir} cannot be worked: ${reasonOf(error)}.`)
        this.lookSoon(2_000)
        return
      }
    } while (this.again && !this.closed)
  }

  private scheduleSweep(): void {
    if (this.closed) return
    this.sweep = this.options.clock.after(this.options.sweepMs, () => {
      void this.scan().then(() => this.scheduleSweep())
    })
  }

  private lookSoon(delayMs: number): void {
    if (this.soon || this.closed) return
    this.soon = this.options.clock.after(delayMs, () => {
      this.soon = null
      void this.scan()
    })
  }

  /**
   * A folder that was removed and made again is another one, which a watcher never notices; it may have the old inode.
   */
  private async arm(): Promise<void> {
    const { dir } = this.options
    await mkdir(dir, { recursive: true })
    const { ino, birthtimeNs } = await lstat(dir, { bigint: true })
    const found = `${ino}:${birthtimeNs}`
    if (this.watcher && found === this.watched) return
    await this.watcher?.close()
    this.watched = found
    // Archived files are not watched: a folder with ten thousand of them would be looked through at every event.
    const ignored = (path: string) => path !== dir && candidateOf(basename(path)) === 'ignored'
    this.watcher = watch(dir, { depth: 0, followSymlinks: false, ignoreInitial: true, ignored })
    this.watcher.on('all', () => this.lookSoon(5))
    // What came while the watcher was being set up is not told.
    this.watcher.on('ready', () => this.lookSoon(5))
    this.watcher.on('error', (error) => this.options.alarm('inbox-watch', `The watcher stopped: ${reasonOf(error)}.`))
  }

  /**
   * The watcher looks through the whole folder at each rename of
   * ours; a flood is worked without it and then looked at again.
   */
  private async disarm(): Promise<void> {
    await this.watcher?.close()
    this.watcher = null
    this.again = true
  }

  private async scanOnce(): Promise<void> {
    const names = (await readdir(this.options.dir)).filter((name) => candidateOf(name) !== 'ignored')
    const files = (await Promise.all(names.map((name) => this.look(name)))).filter((file) => file !== null)
    files.sort((a, b) => (a.mtimeNs === b.mtimeNs ? (a.name < b.name ? -1 : 1) : a.mtimeNs < b.mtimeNs ? -1 : 1))
    const fresh = files.filter((file) => this.stuck.get(file.name) !== file.mtimeNs)
    const writing = fresh.length > 0 ? await openForWriting(new Set(fresh.map((file) => file.path))) : null
    if (fresh.length > floodMin) await this.disarm()
    let nextLookMs: number | null = null
    for (const file of fresh) {
      if (this.closed) return
      if (this.isReady(file, writing)) await this.consume(file)
      else if (file.sizeBytes > 0) nextLookMs = Math.min(nextLookMs ?? lookAgainMaxMs, this.lookAgainIn(file.name))
    }
    this.forget(new Set(names))
    if (nextLookMs !== null) this.lookSoon(nextLookMs)
  }

  /** Nobody tells when a writer closes a file: looked at often while it is young, rarely when its writer takes long. */
  private lookAgainIn(name: string): number {
    const age = this.options.clock.monotonic() - (this.seen.get(name)?.since ?? 0)
    return Math.max(lookAgainMinMs, Math.min(lookAgainMaxMs, age / 2))
  }

  private async look(name: string) {
    const path = join(this.options.dir, name)
    try {
      const stat = await lstat(path, { bigint: true })
      if (stat.isDirectory()) return null
      const sizeBytes = Number(stat.size)
      return { name, path, stat, sizeBytes, mtimeNs: stat.mtimeNs }
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return null
      throw error
    }
  }

  private isReady(file: Looked, writing: Set<string> | null): boolean {
    if (!file.stat.isFile() || candidateOf(file.name) === 'conflict') return true
    const now = this.options.clock.monotonic()
    const before = this.seen.get(file.name)
    const same = before && before.sizeBytes === file.sizeBytes && before.mtimeNs === file.mtimeNs
    if (!same) this.seen.set(file.name, { sizeBytes: file.sizeBytes, mtimeNs: file.mtimeNs, since: now })
    // An empty file is a placeholder of a sync client or of an editor: the words are still to come.
    if (file.sizeBytes === 0) return false
    if (writing && canAskFor(Number(file.stat.uid))) return !writing.has(file.path)
    return same === true && now - before.since >= this.options.quietMs
  }

  private async consume(file: Looked): Promise<void> {
    const read = await readFile(file)
    failpoint('inbox.read')
    if (read === null) return
    const outcome = await this.options.take(read)
    failpoint('inbox.taken')
    await this.archive(file, read, outcome)
    this.seen.delete(file.name)
  }

  private async archive(file: Looked, read: InboxFile, outcome: FileOutcome): Promise<void> {
    const { dir, clock } = this.options
    const rejected = outcome.kind === 'rejected'
    const done = outcome.kind === 'obeyed' ? outcome.id : rejected ? '' : outcome.taskId
    const prefix = rejected ? `rejected-${read.sha256.slice(0, 8)}-` : `processed-${done}-`
    const target = join(dir, archiveName(prefix, file.name, rejected ? '.problems.md' : '').replace('.problems.md', ''))
    try {
      if (rejected) await writeAtomic(`${target}.problems.md`, problemsPage(file.name, outcome.problems))
      await rename(file.path, target)
      await syncFolder(dir)
      failpoint('inbox.renamed')
      this.options.alarm('inbox-rename', null)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return
      this.stuck.set(file.name, file.mtimeNs)
      const text = `${file.name} was taken once, but cannot be renamed in ${dir}: ${reasonOf(error)}.`
      this.options.alarm('inbox-rename', text)
      return
    }
    if (outcome.kind === 'rejected' || outcome.kind === 'obeyed') return
    const until = clock.monotonic() + lateWritesMs
    this.consumed.set(target, { taskId: outcome.taskId, sha256: read.sha256, mtimeNs: file.mtimeNs, until })
    this.lookLate(lateLookMinMs)
  }

  /** Looks at what was taken lately, at growing distances, until a minute has passed for each. */
  private lookLate(delayMs: number): void {
    // A steady stream of files must not put the look off for ever.
    if (this.closed || (this.late && this.lateDelayMs <= delayMs)) return
    this.late?.cancel()
    this.lateDelayMs = delayMs
    this.late = this.options.clock.after(delayMs, () => {
      this.late = null
      this.watchLateWrites().then(
        () => this.consumed.size > 0 && this.lookLate(delayMs * 2),
        (error: unknown) => this.options.alarm('inbox', `A taken file cannot be looked at: ${reasonOf(error)}.`),
      )
    })
  }

  /** Somebody may still hold the renamed file open: what they add is not lost without a word. */
  private async watchLateWrites(): Promise<void> {
    for (const [path, last] of this.consumed) {
      if (this.options.clock.monotonic() > last.until) {
        this.consumed.delete(path)
        continue
      }
      const stat = await lstat(path, { bigint: true }).catch(ignoreMissing)
      if (!stat?.isFile()) this.consumed.delete(path)
      else if (stat.mtimeNs !== last.mtimeNs) await this.readAgain(path, { ...last, mtimeNs: stat.mtimeNs })
    }
  }

  private async readAgain(path: string, last: Consumed): Promise<void> {
    this.consumed.set(path, last)
    const { bytes } = await readBounded(path, taskBytesMax + 1)
    const digest = sha256(bytes)
    if (digest === last.sha256) return
    this.consumed.set(path, { ...last, sha256: digest })
    await this.options.changed(last.taskId, { name: path, key: digest, sha256: digest, bytes, problem: null })
  }

  private forget(names: ReadonlySet<string>): void {
    for (const name of this.seen.keys()) if (!names.has(name)) this.seen.delete(name)
    for (const name of this.stuck.keys()) if (!names.has(name)) this.stuck.delete(name)
  }
}

type Looked = NonNullable<Awaited<ReturnType<InboxDirectory['look']>>>

/** One file of the folder by its name, as the scan would read it; null when there is none. Throws if it cannot look. */
export async function readInboxFile(dir: string, name: string): Promise<InboxFile | null> {
  if (candidateOf(name) === 'ignored' || name.includes('/')) return null
  const path = join(dir, name)
  const stat = await lstat(path, { bigint: true }).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return null
    throw error
  })
  return stat ? readFile({ name, path, stat, sizeBytes: Number(stat.size), mtimeNs: stat.mtimeNs }) : null
}

/** Null when it vanished meanwhile. Anything but a plain file is refused unread. */
async function readFile(file: Looked): Promise<InboxFile | null> {
  const { name, stat } = file
  const keyOf = (digest: string) => `${name}:${stat.ino}:${stat.mtimeNs}:${digest}`
  const refuse = (problem: Problem): InboxFile => {
    const digest = sha256(`${name}:${problem.kind}`)
    return { name, key: keyOf(digest), sha256: digest, bytes: new Uint8Array(), problem }
  }
  if (!stat.isFile()) return refuse(notAFile(stat.isSymbolicLink()))
  if (candidateOf(name) === 'conflict') return refuse(conflictCopy)
  try {
    const { bytes } = await readBounded(file.path, taskBytesMax + 1)
    const digest = sha256(bytes)
    return { name, key: keyOf(digest), sha256: digest, bytes, problem: null }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null
    if (['ELOOP', 'ENOTREG', 'ENXIO'].includes(errnoOf(error))) return refuse(notAFile(false))
    if (errnoOf(error) === 'EACCES') return refuse(unreadable)
    throw error
  }
}

const notAFile = (link: boolean): Problem => ({
  kind: 'not-a-file',
  text: link ? 'It is a symbolic link, which is never followed.' : 'It is not a plain file.',
  todo: 'Put a copy of the text here.',
})

const conflictCopy: Problem = {
  kind: 'conflict-copy',
  text: 'Its name says that a sync client made it when two copies differed; nobody asked for it as a task.',
  todo: 'If it is one, rename it to a plain name.',
}

const unreadable: Problem = {
  kind: 'unreadable',
  text: 'The daemon may not read it (permission denied).',
  todo: 'Give its user the right to read it and drop it again.',
}

function problemsPage(name: string, problems: readonly Problem[]): string {
  const lines = problems.map((problem) => {
    const where = problem.line ? `line ${problem.line}: ` : ''
    return `- ${where}${problem.text}${problem.todo ? ` ${problem.todo}` : ''}`
  })
  return [`# ${name} was not accepted`, '', ...lines, '', 'Correct it and drop it again.', ''].join('\n')
}
