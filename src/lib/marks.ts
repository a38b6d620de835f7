/**
 * What lies in a folder, told by marks that every change of a file changes. The second look is a walk of `lstat` alone:
 * names are listed again where a folder changed, git is asked what it ignores only when there are new names. It reads
 * no file.
 */
import { readdirSync } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { setImmediate as breathe } from 'node:timers/promises'
import { errnoOf } from './files.ts'
import { askGit, type GitRequest, hasRepository } from './git.ts'
import { isLocal } from './local-disk.ts'
import { dependencyFolders } from './result.ts'
import { lookAt, type Stat } from './tree.ts'

export interface MarksLimits {
  entriesMax: number
  limitMs: number
}

export interface MarksRequest extends GitRequest {
  /** Absolute paths of folders that are no part of it. */
  except: readonly string[]
  limits: MarksLimits
}

/** Why a folder is not covered; thrown, because every step may find out. */
export class Uncovered extends Error {}

interface Folder {
  mark: string
  /** Of the clock of this machine, before its names were read. */
  readAt: number
  changedAt: number
  names: readonly string[]
}

const listBytesMax = 64 * 1024 * 1024
/** Looked at in one go, about a millisecond. */
const goSize = 200
const never: ReadonlySet<string> = new Set(['.git', ...dependencyFolders])

/** A file that was changed at the moment of a look may be changed again without another mark. */
export function isSettled(changedAt: number, lookedAt: number): boolean {
  // Some file systems note whole seconds, or every second one.
  const coarse = Number.isInteger(changedAt / 1_000)
  return changedAt < lookedAt - (coarse ? 2_000 : 50)
}

export class Marks {
  private readonly request: MarksRequest
  private folders = new Map<string, Folder>()
  /** Paths that git ignores; null: not asked yet, or its rules have changed. */
  private ignored: ReadonlySet<string> | null = null
  private rules: string | null = null

  constructor(request: MarksRequest) {
    this.request = request
  }

  /**
   * Everything that is covered, by its path in the folder. `after` something ran: what git ignored before it stays left
   * out, so that new rules make no old file look like a new one. Throws `Uncovered`.
   */
  async look(after: boolean): Promise<Map<string, Stat>> {
    const { cwd, except, limits } = this.request
    const deadline = performance.now() + limits.limitMs
    // A file server that does not answer is to stop this look, not the daemon.
    if (!isLocal(cwd)) await lstat(cwd)
    const found = new Map<string, Stat>()
    const folders = new Map<string, Folder>()
    const outside = new Set(except)
    let asked = false
    let rules = ''
    const open: [string, Stat][] = [['', ownLook(cwd)]]
    for (let next = open.pop(); next; next = open.pop()) {
      const [folder, stat] = next
      const [listed, hasNew] = this.namesIn(folder, stat)
      if (folder !== '' && listed.names.includes('.git')) continue
      if (!asked && (hasNew || this.ignored === null)) {
        asked = true
        await this.ask(after)
      }
      folders.set(folder, listed)
      for (const name of listed.names) {
        const path = folder === '' ? name : `${folder}/${name}`
        if (never.has(name) || this.ignored?.has(path) || outside.has(`${cwd}/${path}`)) continue
        const lying = lookAt(`${cwd}/${path}`)
        if (!lying || lying.kind === 'other') continue
        found.set(path, lying)
        if (lying.kind === 'folder') open.push([path, lying])
        if (name === '.gitignore') rules += `${path} ${lying.mark}\n`
        if (found.size > limits.entriesMax) throw new Uncovered(`there are over ${limits.entriesMax} files`)
        if (found.size % goSize > 0) continue
        await breathe()
        if (performance.now() > deadline) throw new Uncovered(`looking took over ${limits.limitMs / 1_000} s`)
      }
    }
    this.folders = folders
    if (rules !== this.rules && this.rules !== null) this.ignored = null
    this.rules = rules
    return found
  }

  /** And whether there are names that were not there before. */
  private namesIn(folder: string, { mark, changedAt }: Stat): [Folder, boolean] {
    const known = this.folders.get(folder)
    if (known?.mark === mark && isSettled(changedAt, known.readAt)) return [known, false]
    const readAt = Date.now()
    const names = namesOf(`${this.request.cwd}/${folder}`)
    if (names.some((name) => name.includes('\ufffd'))) throw new Uncovered('a name is not UTF-8')
    const before = new Set(known?.names)
    return [{ mark, readAt, changedAt, names }, names.some((name) => !before.has(name))]
  }

  private async ask(after: boolean): Promise<void> {
    const { cwd } = this.request
    const before = after ? [...(this.ignored ?? [])] : []
    const args = ['ls-files', '-z', '--others', '--ignored', '--exclude-standard', '--directory']
    const listed = (await hasRepository(cwd)) ? await askGit(this.request, args, listBytesMax) : null
    const paths = listed?.split('\0').map((path) => path.replace(/\/$/, '')) ?? []
    // A folder that is ignored as a whole is taken as one that git does not know.
    this.ignored = new Set([...before, ...(paths.includes('.') ? [] : paths)])
  }
}

function namesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    // It went away meanwhile.
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error))) return []
    throw new Uncovered(`a folder cannot be read (${errnoOf(error)})`)
  }
}

function ownLook(cwd: string): Stat {
  const stat = lookAt(cwd)
  if (stat?.kind !== 'folder') throw new Uncovered(`${cwd} is no folder`)
  return stat
}
