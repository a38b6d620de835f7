/**
 * The files that tell agents how to work in a folder, for the person who looks at them and writes them: these exact
 * files, and no other path.
 */
import { lstat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'
import type { GuideFile, GuideText, MemoryView, NotCounted } from '../core/session.ts'
import { sha256 } from '../lib/digest.ts'
import { errnoOf, folderAt, realPathInside } from '../lib/files.ts'
import { oneByOne } from '../lib/one-by-one.ts'
import { changedSince, readSeen, writeSeen } from '../lib/seen-file.ts'
import {
  type GuideFolders,
  type InstructionPlace,
  instructionNames,
  placesOf,
  readInstructions,
} from './instructions.ts'
import { memoryBytesMax, memoryPath, noteOf, readMemory, secretIn, shownOf, withNote } from './memory.ts'

/** What a model with a usual window is shown of all instruction files. */
const shownCharsMax = 48_000

export interface GuideOptions extends GuideFolders {
  userDir: string
  memoryDir: string
  /** Whether instructions of this project are taken as such. */
  trusts(workspace: string): boolean
}

export class GuideFiles {
  private readonly options: GuideOptions
  /** Each note comes behind what the one before has written. */
  private readonly inTurn = oneByOne()

  constructor(options: GuideOptions) {
    this.options = options
  }

  /** `workspace`: a real path. */
  async view(workspace: string): Promise<MemoryView> {
    const { userDir, memoryDir, trusts } = this.options
    const trusted = trusts(workspace)
    const counted = await readInstructions(workspace, userDir, shownCharsMax)
    const places = await placesOf(workspace, userDir)
    const there = await Promise.all(places.map((place) => this.filesIn(place, workspace, { counted, trusted })))
    const known = new Set(there.flat().map(({ path }) => path))
    const imports = counted.flatMap(({ path, own, text }): GuideFile[] => {
      if (known.has(path)) return []
      const why = own || trusted ? null : 'untrusted'
      const rest = { from: 'import', editable: false, sizeBytes: Buffer.byteLength(text), why } as const
      return [{ path, kind: 'instructions', ...rest, shownChars: text.length }]
    })
    const { path, repository } = await memoryPath(memoryDir, workspace)
    const { text, sizeBytes } = await readFile(path)
    const shown = shownOf((await readMemory(path))?.trim() ?? '')
    const memory: GuideFile = {
      path,
      kind: 'memory',
      from: 'user',
      editable: text !== null,
      sizeBytes,
      why: text === null && shown === '' ? 'unreadable' : null,
      shownChars: shown.length,
    }
    return { workspace, repository, trusted, files: [...there.flat(), ...imports, memory] }
  }

  private async filesIn(place: InstructionPlace, workspace: string, how: Counting): Promise<GuideFile[]> {
    const found = await Promise.all(
      instructionNames.map(async (name) => {
        const path = join(place.folder, name)
        return { path, ...(await readFile(path, place.root)) }
      }),
    )
    const isThere = found.some(({ sizeBytes }) => sizeBytes !== null)
    const mayBe = !isThere && mayBegin(place, workspace)
    const listed = found.filter(({ sizeBytes }, n) => sizeBytes !== null || (n === 0 && mayBe))
    return listed.map(({ path, text, sizeBytes }): GuideFile => {
      const shown = how.counted.find((one) => one.path === path)
      const why: NotCounted | null = shown
        ? place.own || how.trusted
          ? null
          : 'untrusted'
        : whyNot(
            text,
            found.some((one) => how.counted.some(({ path: other }) => other === one.path)),
          )
      return {
        path,
        kind: 'instructions',
        from: place.own ? 'user' : 'project',
        editable: text !== null,
        sizeBytes,
        why: sizeBytes === null ? null : why,
        shownChars: shown?.text.length ?? 0,
      }
    })
  }

  async read(workspace: string, path: string): Promise<Result<GuideText>> {
    const real = await this.placeOf(workspace, path)
    if (real === null) return refuse(notOne(path))
    const { text, seen } = await readFile(real)
    return text === null ? refuse(unreadable(path)) : ok({ path, text, sha256: seen })
  }

  /** `sha256`: of the text that was changed; null: there was none. */
  async write(workspace: string, { path, text, sha256: seen }: GuideText): Promise<Result<GuideText>> {
    const real = await this.placeOf(workspace, path)
    if (real === null) return refuse(notOne(path))
    if (Buffer.byteLength(text) > memoryBytesMax || text.includes('\0')) return refuse(notText)
    const before = await readFile(real)
    if (before.text === null) return refuse(unreadable(path))
    if (before.seen !== seen) return refuse(changedSince(path))
    const old = new Set(before.text.split('\n'))
    const isMemory = real === (await memoryPath(this.options.memoryDir, workspace)).path
    const secret = isMemory ? secretIn(text.split('\n').map((line) => (old.has(line) ? '' : line))) : null
    if (secret) return refuse(secret)
    return put(real, { path, text, sha256: seen }, isMemory ? 0o600 : 0o644)
  }

  /** One line more in the memory of the repository. */
  async remember(workspace: string, written: string): Promise<Result<GuideText>> {
    const note = noteOf(written)
    if (!note.ok) return note
    return this.inTurn(async () => {
      const { path } = await memoryPath(this.options.memoryDir, workspace)
      const before = await readFile(path)
      if (before.text === null) return refuse(unreadable(path))
      const text = withNote(before.text, note.value)
      if (Buffer.byteLength(text) > memoryBytesMax) return refuse(isFull(path))
      return put(path, { path, text, sha256: before.seen }, 0o600)
    })
  }

  /** The real path of one of the files that are listed; null: it is none of them. */
  private async placeOf(workspace: string, path: string): Promise<string | null> {
    const { userDir, memoryDir } = this.options
    if (path === (await memoryPath(memoryDir, workspace)).path) return path
    const places = await placesOf(workspace, userDir)
    const place = places.find(({ folder }) => instructionNames.some((name) => path === join(folder, name)))
    if (!place) return null
    return realPathInside((await folderAt(place.root)) ?? place.root, path)
  }
}

interface Counting {
  counted: readonly { path: string; text: string }[]
  trusted: boolean
}

/** Where there is none, one may be begun: with the user, and in the folder itself. */
const mayBegin = ({ folder, own }: InstructionPlace, workspace: string): boolean => own || folder === workspace

function whyNot(text: string | null, besideCounts: boolean): NotCounted {
  if (besideCounts) return 'beside'
  return text?.trim() ? 'no-room' : 'unreadable'
}

async function put(real: string, { path, text, sha256: seen }: GuideText, mode: number): Promise<Result<GuideText>> {
  const written = await writeSeen(real, { text, seen, mode })
  return written.ok ? ok({ path, text, sha256: sha256(text) }) : written
}

/** `text` null: there is something, and not all of it can be shown. `sizeBytes` null: there is nothing. */
interface Lying {
  text: string | null
  seen: string | null
  sizeBytes: number | null
}

/** A link may lead no further than `root`. */
async function readFile(path: string, root: string = dirname(path)): Promise<Lying> {
  try {
    const real = await realPathInside((await folderAt(root)) ?? root, path)
    const found = real === null ? null : await readSeen(real, memoryBytesMax)
    const sizeBytes = found?.seen === null ? null : (await lstat(real ?? path)).size
    return { text: null, seen: null, ...found, sizeBytes }
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error))) return { text: '', seen: null, sizeBytes: null }
    if (['ENOTREG', 'ELOOP', 'EACCES', 'EPERM'].includes(errnoOf(error)))
      return { text: null, seen: null, sizeBytes: 0 }
    throw error
  }
}

const notOne = (path: string): Problem => ({
  kind: 'unknown-guide',
  text: `${path.slice(0, 300)} is none of the files that tell agents how to work here.`,
  todo: 'Look at `openloom memory list`.',
})
const notText: Problem = {
  kind: 'bad-note',
  text: `It is UTF-8 text of at most ${memoryBytesMax / 1024} kB.`,
  todo: 'Make it shorter; a file may name others with @path.',
}
const unreadable = (path: string): Problem => ({
  kind: 'unreadable',
  text: `${path} cannot be shown: it is no UTF-8 text of at most ${memoryBytesMax / 1024} kB, or may not be read.`,
  todo: 'Look at it in your editor, and at its rights.',
})
const isFull = (path: string): Problem => ({
  kind: 'bad-note',
  text: `${path} has no room for more (${memoryBytesMax / 1024} kB).`,
  todo: 'Remove what does not hold any more: openloom memory edit.',
})
