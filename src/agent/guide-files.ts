/**
 * The files that tell agents how to work in a folder, for the person who looks at them and writes them: these exact
 * files, and no other path.
 */
import { realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'
import type { GuideFile, GuideText, MemoryView, NotCounted } from '../core/session.ts'
import { sha256 } from '../lib/digest.ts'
import { decodeUtf8, errnoOf, folderAt, readBounded, realPathInside, writeAtomic } from '../lib/files.ts'
import type { GuideFolders } from './instructions.ts'
import { type InstructionPlace, instructionNames, placesOf, readInstructions } from './instructions.ts'
import { memoryBytesMax, memoryPath, noteOf, secretIn, shownOf, withNote } from './memory.ts'

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
    const text = await readText(path)
    const memory: GuideFile = {
      path,
      kind: 'memory',
      from: 'user',
      editable: true,
      sizeBytes: text === null ? null : Buffer.byteLength(text),
      why: null,
      shownChars: shownOf(text?.trim() ?? '').length,
    }
    return { workspace, repository, trusted, files: [...there.flat(), ...imports, memory] }
  }

  private async filesIn(place: InstructionPlace, workspace: string, how: Counting): Promise<GuideFile[]> {
    const found = await Promise.all(
      instructionNames.map(async (name) => {
        const path = join(place.folder, name)
        const text = await readText(path, place.root)
        return { path, text }
      }),
    )
    const isThere = found.some(({ text }) => text !== null)
    const listed = found.filter(({ text }, n) => text !== null || (!isThere && n === 0 && mayBegin(place, workspace)))
    return listed.map(({ path, text }): GuideFile => {
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
        editable: true,
        sizeBytes: text === null ? null : Buffer.byteLength(text),
        why: text === null ? null : why,
        shownChars: shown?.text.length ?? 0,
      }
    })
  }

  async read(workspace: string, path: string): Promise<Result<GuideText>> {
    const real = await this.placeOf(workspace, path)
    if (real === null) return refuse(notOne(path))
    const text = await readText(real)
    return ok({ path, text: text ?? '', sha256: text === null ? null : sha256(text) })
  }

  /** `seen`: digest of the text that was changed; null: there was none. */
  async write(workspace: string, { path, text, sha256: seen }: GuideText): Promise<Result<GuideText>> {
    const real = await this.placeOf(workspace, path)
    if (real === null) return refuse(notOne(path))
    if (Buffer.byteLength(text) > memoryBytesMax || text.includes('\0')) return refuse(notText)
    const before = await readText(real)
    if ((before === null ? null : sha256(before)) !== seen) return refuse(changed)
    const old = new Set((before ?? '').split('\n'))
    const isMemory = real === (await memoryPath(this.options.memoryDir, workspace)).path
    const secret = isMemory ? secretIn(text.split('\n').map((line) => (old.has(line) ? '' : line))) : null
    if (secret) return refuse(secret)
    return put(real, { path, text }, before === null)
  }

  /** One line more in the memory of the repository. */
  async remember(workspace: string, written: string): Promise<Result<GuideText>> {
    const note = noteOf(written)
    if (!note.ok) return note
    const { path } = await memoryPath(this.options.memoryDir, workspace)
    const before = await readText(path)
    const text = withNote(before ?? '', note.value)
    if (Buffer.byteLength(text) > memoryBytesMax) return refuse(notText)
    return put(path, { path, text }, before === null)
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

async function put(
  real: string,
  { path, text }: Omit<GuideText, 'sha256'>,
  isNew: boolean,
): Promise<Result<GuideText>> {
  try {
    await writeAtomic(real, text, isNew ? { exclusive: true, mode: 0o600 } : {})
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return refuse(changed)
    if (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR'].includes(errnoOf(error))) return refuse(unwritable(path))
    throw error
  }
  return ok({ path, text, sha256: sha256(text) })
}

/** Null: there is none, or none that leads to a place of its own. What is no text is empty. */
async function readText(path: string, root: string = dirname(path)): Promise<string | null> {
  try {
    const real = await realPathInside(await realpath(root), path)
    if (real === null) return null
    return decodeUtf8((await readBounded(real, memoryBytesMax)).bytes) ?? ''
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENOTREG', 'ELOOP', 'EACCES', 'EPERM'].includes(errnoOf(error))) return null
    throw error
  }
}

const notOne = (path: string): Problem => ({
  kind: 'unknown-guide',
  text: `${path.slice(0, 300)} is none of the files that tell agents how to work here.`,
  todo: 'Look at `openloom memory list`.',
})
const notText: Problem = { kind: 'bad-note', text: `It is UTF-8 text of at most ${memoryBytesMax / 1024} kB.` }
const changed: Problem = {
  kind: 'changed-since',
  text: 'The file is not as it was when you opened it.',
  todo: 'Look at it as it is now, then change it again.',
}
const unwritable = (path: string): Problem => ({ kind: 'unwritable', text: `${path} cannot be written.` })
