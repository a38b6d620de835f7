/**
 * The folders in which skills lie: the user's, and those of a project. It reads within bounds, follows no link out of a
 * project, writes whole files or nothing, and runs none of them.
 */
import { opendir, rmdir, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'
import type { SkillFile, SkillRead, SkillRef } from '../core/spec.ts'
import { sha256 } from '../lib/digest.ts'
import { errnoOf, realPathInside } from '../lib/files.ts'
import { changedSince, readSeen, type SeenFile, writeSeen } from '../lib/seen-file.ts'
import type { Outliner } from './outline.ts'
import { readFront, skillBytesMax, tooTangled, withOutline } from './skill.ts'

export interface ShelfOptions {
  /** The user's own; made when the first is written. */
  folder: string
  /** Of other programs, in the user's home; only read. */
  foreign: readonly string[]
  isCheckLine(text: string): boolean
  outline: Outliner
  /** What is wrong with it as a task; empty: nothing. */
  judge(skill: NonNullable<SkillRead['skill']>): Problem[]
}

const projectFolder = '.openloom/skills'
const foreignFolder = '.claude/skills'
const namePattern = /^[A-Za-z0-9][\w-]{0,63}$/
const namesMax = 500
const skillsMax = 100

/** A folder of skills; `root` is where its links may not lead out of. Null: anywhere. */
interface Place {
  folder: string
  root: string | null
  own: boolean
}

export class SkillShelf {
  readonly folder: string
  private readonly options: ShelfOptions

  constructor(options: ShelfOptions) {
    this.options = options
    this.folder = options.folder
  }

  /**
   * By name, each without its sections. Of two with one name in the folders of one place the first counts, as it would
   * be run.
   */
  async list(workspace: string | null): Promise<SkillFile[]> {
    const found = new Map<string, SkillFile>()
    for (const place of this.places(workspace)) {
      for (const name of await namesIn(place)) {
        if (found.has(name) || found.size >= skillsMax) continue
        const file = await this.readIn(place, { name, workspace }, 'front')
        if (file) found.set(name, file)
      }
    }
    return [...found.values()].sort((a, b) => a.name.localeCompare(b.name))
  }

  async read(ref: SkillRef): Promise<SkillFile | null> {
    if (!namePattern.test(ref.name)) return null
    for (const place of this.places(ref.workspace)) {
      const file = await this.readIn(place, ref)
      if (file) return file
    }
    return null
  }

  /** What a text would be as the skill of this name. */
  async judge(name: string, text: string): Promise<SkillRead> {
    const front = readFront(text, name)
    if (!front.ok) return { skill: null, problems: front.problems }
    const outline = await this.options.outline(front.value.body)
    if (outline === null) return { skill: null, problems: [tooTangled] }
    return this.judged(withOutline(front.value, outline, this.options.isCheckLine))
  }

  private judgeFront(name: string, text: string): SkillRead {
    const front = readFront(text, name)
    return front.ok ? this.judged(front.value) : { skill: null, problems: front.problems }
  }

  private judged(skill: NonNullable<SkillRead['skill']>): SkillRead {
    const problems = this.options.judge(skill)
    return { skill: problems.length > 0 ? null : skill, problems }
  }

  /** `seen`: digest of the text that was changed; null: there is none yet. A text that cannot be run is kept too. */
  async write(ref: SkillRef, text: string, seen: string | null): Promise<Result<SkillFile>> {
    if (!namePattern.test(ref.name)) return refuse(badName)
    if (Buffer.byteLength(text) > skillBytesMax || text.includes('\0')) return refuse(notText)
    const before = await this.read(ref)
    if (before && !before.own) return refuse(notOurs(before.path))
    if (before && !isText(before)) return refuse(notText)
    if ((before?.sha256 ?? null) !== seen) return refuse(before ? changedSince(before.path) : gone)
    const path = before?.path ?? (await this.newPath(ref))
    if (path === null) return refuse(outside)
    const written = await writeSeen(path, { text, seen, mode: 0o644 })
    if (!written.ok) return written
    return ok(fileOf(ref, { path, own: true, text, sha256: sha256(text) }, await this.judge(ref.name, text)))
  }

  async remove(ref: SkillRef, seen: string): Promise<Result<SkillFile>> {
    const before = await this.read(ref)
    if (!before) return refuse(unknownSkill(ref.name))
    if (!before.own) return refuse(notOurs(before.path))
    if (before.sha256 !== seen) return refuse(changedSince(before.path))
    await unlink(before.path)
    // A folder of its own goes with it, unless something else lies there.
    if (before.path.endsWith('/SKILL.md')) await rmdir(dirname(before.path)).catch(ignoreFull)
    return ok(before)
  }

  private places(workspace: string | null): Place[] {
    const { folder, foreign } = this.options
    if (workspace === null) {
      return [{ folder, root: null, own: true }, ...foreign.map((one) => ({ folder: one, root: null, own: false }))]
    }
    return [
      { folder: join(workspace, projectFolder), root: workspace, own: true },
      { folder: join(workspace, foreignFolder), root: workspace, own: false },
    ]
  }

  private async newPath({ name, workspace }: SkillRef): Promise<string | null> {
    if (workspace === null) return join(this.folder, `${name}.md`)
    return realPathInside(workspace, join(workspace, projectFolder, `${name}.md`))
  }

  private async readIn(place: Place, ref: SkillRef, only?: 'front'): Promise<SkillFile | null> {
    for (const path of [join(place.folder, `${ref.name}.md`), join(place.folder, ref.name, 'SKILL.md')]) {
      const text = await readText(path, place.root)
      if (text === undefined) continue
      const given = { path, own: place.own, text: text?.text ?? '', sha256: text?.seen ?? nothing }
      if (text === null) return fileOf(ref, given, { skill: null, problems: [notText] })
      const judged = only ? this.judgeFront(ref.name, text.text) : await this.judge(ref.name, text.text)
      return fileOf(ref, given, judged)
    }
    return null
  }
}

type Given = Pick<SkillFile, 'path' | 'own' | 'text' | 'sha256'>

const fileOf = ({ name, workspace }: SkillRef, given: Given, read: SkillRead): SkillFile => ({
  name,
  workspace,
  ...given,
  ...read,
})

const nothing = sha256('')

/** Undefined: there is none here. Null: there is one, and it is no text that we read. */
async function readText(path: string, root: string | null): Promise<SeenFile | null | undefined> {
  try {
    const real = root === null ? path : await realPathInside(root, path)
    if (real === null) return undefined
    const found = await readSeen(real, skillBytesMax)
    if (found?.seen === null) return undefined
    return found?.text.includes('\0') ? null : found
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENOTREG', 'ELOOP', 'EACCES', 'EPERM'].includes(errnoOf(error))) return undefined
    throw error
  }
}

async function namesIn({ folder, root }: Place): Promise<string[]> {
  const real = root === null ? folder : await realPathInside(root, folder)
  const names: string[] = []
  let seen = 0
  try {
    for await (const entry of await opendir(real ?? '')) {
      const stem = /^(.+)\.md$/.exec(entry.name)?.[1]
      const name = stem ?? (entry.isDirectory() || entry.isSymbolicLink() ? entry.name : undefined)
      if (name && namePattern.test(name)) names.push(name)
      if (++seen >= namesMax) break
    }
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'].includes(errnoOf(error))) throw error
  }
  return names.sort()
}

function ignoreFull(error: unknown): void {
  if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(errnoOf(error))) throw error
}

export const unknownSkill = (name: string): Problem => ({
  kind: 'unknown-skill',
  text: `There is no skill "${name.slice(0, 80)}" here.`,
  todo: 'Look at `openloom skill list`.',
})
const badName: Problem = {
  kind: 'bad-skill',
  text: 'A name has letters, digits, dashes and underscores, at most 64.',
  todo: 'Choose such a name.',
}
const notText: Problem = {
  kind: 'bad-skill',
  text: `A skill is UTF-8 text of at most ${skillBytesMax / 1024} kB.`,
  todo: 'Make it shorter, or store it as UTF-8.',
}

/** What is shown of it is all of it. */
export const isText = ({ problems }: SkillRead): boolean => !problems.includes(notText)

const gone: Problem = { kind: 'changed-since', text: 'The file is not there any more.', todo: 'Save it as a new one.' }
const notOurs = (path: string): Problem => ({
  kind: 'not-own',
  text: `${path} belongs to another program and is only read.`,
  todo: 'Duplicate it to have one of your own.',
})
const outside: Problem = {
  kind: 'outside',
  text: 'The folder of the skills of this project leads out of the project.',
  todo: 'Make .openloom/skills a folder of the project, or keep the skill with your own.',
}
