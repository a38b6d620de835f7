/**
 * Bounded looks at a project's own files and at the programs there are. The project is hostile input: nothing is
 * executed, no link leads out of the folder, and no file is read beyond its bound.
 */
import { constants } from 'node:fs'
import { access, opendir, stat } from 'node:fs/promises'
import { delimiter, dirname, isAbsolute, join } from 'node:path'
import { decodeUtf8, errnoOf, readBounded, realPathInside } from '../files.ts'

const textBytesMax = 256 * 1024
const namesMax = 2_000

export type CommandKind = 'test' | 'types' | 'lint'

/** A command of the project itself. */
export interface ProjectCommand {
  kind: CommandKind
  /** One line for a shell, in the root of the project. */
  run: string
  /** Where it was found, for people. */
  because: string
}

export class Folder {
  readonly root: string
  private readonly searched: readonly string[]

  /** `path`: the PATH that commands will have. */
  constructor(root: string, path: string) {
    this.root = root
    this.searched = path.split(delimiter).filter((folder) => isAbsolute(folder))
  }

  /** Null: no such plain file, or one that is too large or no text. */
  async text(name: string): Promise<string | null> {
    const real = await realPathInside(this.root, name)
    if (real === null) return null
    const read = await readBounded(real, textBytesMax).catch(() => null)
    return read?.whole ? decodeUtf8(read.bytes) : null
  }

  async has(name: string): Promise<boolean> {
    const real = await realPathInside(this.root, name)
    return real !== null && (await isThere(real, constants.F_OK))
  }

  async firstOf(names: readonly string[]): Promise<string | null> {
    for (const name of names) if (await this.has(name)) return name
    return null
  }

  /** Names in a folder of the project; empty where there is none. */
  async names(folder: string): Promise<string[]> {
    const real = await realPathInside(this.root, folder)
    if (real === null) return []
    const names: string[] = []
    try {
      for await (const { name } of await opendir(real)) if (names.push(name) >= namesMax) break
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR', 'EACCES'].includes(errnoOf(error))) throw error
    }
    return names
  }

  /** The first of these paths or programs that can be executed; a path begins with a dot. */
  async program(...names: readonly string[]): Promise<string | null> {
    for (const name of names) {
      const places = name.startsWith('.') ? [this.root] : this.searched
      for (const place of places) if (await isProgram(join(place, name))) return name
    }
    return null
  }

  /** A program that a package manager puts before the PATH for the scripts of this project. */
  async packaged(name: string): Promise<boolean> {
    for (let folder = this.root; ; folder = dirname(folder)) {
      if (await isProgram(join(folder, 'node_modules', '.bin', name))) return true
      if (folder === dirname(folder)) return false
    }
  }
}

const isThere = (path: string, mode: number): Promise<boolean> =>
  access(path, mode).then(
    () => true,
    () => false,
  )

async function isProgram(path: string): Promise<boolean> {
  if (!(await isThere(path, constants.X_OK))) return false
  return (await stat(path).catch(() => null))?.isFile() ?? false
}
