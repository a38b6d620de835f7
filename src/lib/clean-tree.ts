/**
 * A clean checkout: a folder that holds exactly the files of a result and a git repository of its own. It is brought up
 * to date by what changed. The work tree it is made from, its index, stashes and branches are only ever read.
 */
import type { Dirent } from 'node:fs'
import { chmod, constants, copyFile, mkdir, readdir, readlink, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CleanRepository, NoCleanTree } from './clean-repository.ts'
import { errnoOf, readBounded } from './files.ts'
import { argumentParts, askGit, type GitRequest } from './git.ts'
import type { Result, ResultEntry } from './result.ts'
import { lookAt } from './tree.ts'

const atOnce = 8
const pointerBytesMax = 1_024
const pointerOpens = 'version https://git-lfs.github.com/spec/'

interface Placed {
  id: string
  mode: ResultEntry['mode']
  mark: string
}

export class CleanTree {
  readonly path: string
  private readonly repository: CleanRepository
  private placed = new Map<string, Placed>()
  private begun = false

  /** `path`: a folder that this object may empty; its parent exists. */
  constructor(path: string) {
    this.path = path
    this.repository = new CleanRepository(path)
  }

  /** `keep`: folders at the top that are somebody else's to fill. Throws NoCleanTree; then the next one begins anew. */
  async update(result: Result, git: GitRequest, keep: ReadonlySet<string>): Promise<void> {
    const begun = this.begun
    this.begun = false
    if (!begun) {
      this.placed = new Map()
      this.repository.forget()
      await rm(this.path, { recursive: true, force: true })
      await mkdir(this.path, { recursive: true, mode: 0o700 })
    }
    const wanted = new Map<string, ResultEntry>()
    for (const entry of result.entries) if (isPlain(entry.path)) wanted.set(entry.path, entry)
    await this.repository.update(result, git)
    await this.sweep(wanted, keep)
    const open = [...wanted.values()].filter((entry) => !this.holds(entry))
    await this.fill(open, result, git)
    for (const { path, mark } of open) {
      if (mark !== undefined && lookAt(`${result.root}/${path}`)?.mark !== mark) {
        throw new NoCleanTree(`${path} changed while it was copied`)
      }
    }
    this.begun = true
  }

  /** Somebody else uses it next: of what lies there, only placed files that nobody touched are taken for known. */
  async handOver(): Promise<void> {
    this.repository.forget()
    const begun = this.begun
    this.begun = false
    if (begun) await this.sweep(this.placed, new Set())
    this.begun = begun
  }

  /** As it was placed: checks may have written into it. */
  private holds({ path, id, mode }: ResultEntry): boolean {
    const before = this.placed.get(path)
    if (before?.id !== id || before.mode !== mode) return false
    return lookAt(`${this.path}/${path}`)?.mark === before.mark
  }

  /** Removes what is not wanted, and what is of another kind than wanted. */
  private async sweep(
    wanted: ReadonlyMap<string, Pick<ResultEntry, 'mode'>>,
    keep: ReadonlySet<string>,
  ): Promise<void> {
    const above = new Set<string>()
    for (const path of wanted.keys()) {
      for (let up = dirname(path); up !== '.' && !above.has(up); up = dirname(up)) above.add(up)
    }
    const folders = ['']
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      for (const entry of await readdir(join(this.path, folder), { withFileTypes: true })) {
        const path = folder === '' ? entry.name : `${folder}/${entry.name}`
        if (path === '.git' || keep.has(path)) continue
        if (entry.isDirectory() && above.has(path)) folders.push(path)
        else if (!isWanted(entry, wanted.get(path))) await rm(join(this.path, path), { recursive: true, force: true })
      }
    }
    for (const path of this.placed.keys()) if (!wanted.has(path)) this.placed.delete(path)
  }

  private async fill(entries: readonly ResultEntry[], { root }: Result, git: GitRequest): Promise<void> {
    const folders = new Set(entries.map((entry) => dirname(entry.path)))
    for (const folder of folders) await mkdir(join(this.path, folder), { recursive: true })
    let next = 0
    const lane = async () => {
      for (let entry = entries[next++]; entry !== undefined; entry = entries[next++]) {
        if (entry.from === undefined || 'file' in entry.from) await this.copy(root, entry, git)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, lane))
    const commits = new Map<string, ResultEntry[]>()
    for (const entry of entries) {
      if (!entry.from || 'file' in entry.from) continue
      const { commit } = entry.from
      commits.set(commit, [...(commits.get(commit) ?? []), entry])
    }
    for (const [commit, some] of commits) {
      const paths = some.map((entry) => entry.path)
      await this.repository.checkOut({ commit, paths }, git)
      await this.verify(some, root, git)
    }
    for (const { path, id, mode } of entries) {
      const mark = lookAt(`${this.path}/${path}`)?.mark
      if (mark === undefined) throw new NoCleanTree(`${path} could not be placed`)
      this.placed.set(path, { id, mode, mark })
    }
  }

  private async copy(root: string, { path, mode, from: source }: ResultEntry, git: GitRequest): Promise<void> {
    const from = source && 'file' in source ? source.file : join(root, path)
    const to = join(this.path, path)
    try {
      git.signal?.throwIfAborted()
      if (this.placed.has(path)) await rm(to, { force: true })
      if (mode === '120000') return await symlink(await readlink(from), to)
      await copyFile(from, to, constants.COPYFILE_EXCL)
      // A copy out of the data folder is private; one of the work tree has its mode already.
      if (source) await chmod(to, mode === '100755' ? 0o755 : 0o644)
    } catch (error) {
      throw new NoCleanTree(`${path} cannot be copied (${errnoOf(error)})`)
    }
  }

  /** An object that is not what its name says was forged. A pointer stands for the large file that lies there. */
  private async verify(entries: readonly ResultEntry[], root: string, git: GitRequest): Promise<void> {
    const files = entries.filter((entry) => entry.mode !== '120000')
    const ids: string[] = []
    for (const part of argumentParts(files.map((entry) => entry.path))) {
      const answer = await askGit(this.repository.request(git), ['hash-object', '--', ...part], part.length * 65)
      ids.push(...(answer?.trimEnd().split('\n') ?? []))
    }
    const wrong = files.find((entry, index) => ids[index] !== entry.id)
    if (wrong) throw new NoCleanTree(`the committed content of ${wrong.path} is damaged`)
    for (const entry of files) {
      if (!(await isPointer(join(this.path, entry.path)))) continue
      if (lookAt(`${root}/${entry.path}`)?.kind !== 'file') continue
      await rm(join(this.path, entry.path))
      await this.copy(root, { ...entry, from: undefined }, git)
    }
  }
}

/** Git refuses these itself; nobody takes its word where a path is written to. */
const isPlain = (path: string): boolean =>
  !path.startsWith('/') && path.split('/').every((part) => !['', '.', '..', '.git'].includes(part))

function isWanted(found: Dirent, wanted: Pick<ResultEntry, 'mode'> | undefined): boolean {
  if (!wanted) return false
  return wanted.mode === '120000' ? found.isSymbolicLink() : found.isFile()
}

async function isPointer(path: string): Promise<boolean> {
  const stat = lookAt(path)
  if (stat?.kind !== 'file' || stat.sizeBytes > pointerBytesMax) return false
  const { bytes } = await readBounded(path, pointerBytesMax)
  return bytes.toString('latin1').startsWith(pointerOpens)
}
