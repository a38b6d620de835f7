/**
 * What a person does with skills: look, change, copy, run. A run is a task like any other, accepted in the one way; of
 * a project nobody trusts none is run.
 */
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'
import type { SkillFile, SkillRead, SkillRef, TaskSpec } from '../core/spec.ts'
import type { Origin, SkillDetail, SkillItem, SkillList, Submission, TaskItem } from '../core/task.ts'
import { sha256 } from '../lib/digest.ts'
import { begun } from './begun.ts'
import { isText, type SkillShelf, unknownSkill } from './shelf.ts'
import { renamed } from './skill.ts'
import { taskOf } from './task.ts'

export interface DeskOptions {
  shelf: SkillShelf
  /** Whether a person said that they trust this folder. */
  trusts(workspace: string): boolean
  submit(fields: Record<string, unknown>, origin: Origin, also: Pick<TaskSpec, 'skill'>): Promise<Submission>
  /** Tasks whose key at the way in begins so, the newest first. */
  tasksBy(keyStart: string, limit: number): TaskItem[]
}

export interface RunAsked {
  /** Where it works; absent: its project, or what it says itself. */
  folder?: string | undefined
  parameters: Record<string, unknown>
  /** Of the request: twice the same is one run. */
  origin: Origin
}

const runsMax = 20
const copiesMax = 100

export class SkillDesk {
  private readonly options: DeskOptions

  constructor(options: DeskOptions) {
    this.options = options
  }

  /** The user's, and of the project where one is named. */
  async list(workspace: string | null): Promise<SkillList> {
    const { shelf } = this.options
    const files = [...(workspace === null ? [] : await shelf.list(workspace)), ...(await shelf.list(null))]
    return { items: files.map((file) => this.itemOf(file)), folder: shelf.folder }
  }

  async one(ref: SkillRef): Promise<Result<SkillDetail>> {
    const file = await this.options.shelf.read(ref)
    if (!file) return refuse(unknownSkill(ref.name))
    return ok({ ...file, barred: this.barred(file), runs: this.options.tasksBy(keyOf(ref), runsMax) })
  }

  judge(name: string, text: string): Promise<SkillRead> {
    return this.options.shelf.judge(name, text)
  }

  /** A new one, with the text that each begins with. */
  begin(ref: SkillRef): Promise<Result<SkillFile>> {
    return this.options.shelf.write(ref, begun(ref.name), null)
  }

  write(ref: SkillRef, text: string, seen: string | null): Promise<Result<SkillFile>> {
    return this.options.shelf.write(ref, text, seen)
  }

  remove(ref: SkillRef, seen: string): Promise<Result<SkillFile>> {
    return this.options.shelf.remove(ref, seen)
  }

  /** Beside it, or with the user where it may not be written; every byte but its name as it was. */
  async duplicate(ref: SkillRef): Promise<Result<SkillFile>> {
    const { shelf } = this.options
    const file = await shelf.read(ref)
    if (!file) return refuse(unknownSkill(ref.name))
    if (!isText(file)) return refuse(...file.problems)
    const workspace = file.own ? ref.workspace : null
    for (let n = 2; n <= copiesMax; n++) {
      const name = `${ref.name.slice(0, 60)}-${n}`
      if (!(await shelf.read({ name, workspace })))
        return shelf.write(
          { name, workspace },
          file.skill ? renamed(file.text, `${file.skill.title} ${n}`) : file.text,
          null,
        )
    }
    return refuse({ kind: 'bad-skill', text: `There are ${copiesMax} copies of it already.`, todo: 'Delete some.' })
  }

  async run(ref: SkillRef, { folder, parameters, origin }: RunAsked): Promise<Submission> {
    const file = await this.options.shelf.read(ref)
    const problems = file ? file.problems : [unknownSkill(ref.name)]
    const barred = file && this.barred(file)
    if (!file?.skill || barred) return { kind: 'refused', problems: barred ? [barred] : problems }
    const workspace = ref.workspace ?? folder
    const fields = taskOf(file.skill, { path: file.path, given: parameters, workspace })
    if (!fields.ok) return { kind: 'refused', problems: fields.problems }
    const { version } = file.skill
    const skill = { name: ref.name, ...(version === null ? {} : { version }), sha256: file.sha256 }
    return this.options.submit(
      fields.value,
      { ...origin, externalId: `${keyOf(ref)}${origin.externalId}` },
      { skill: ref.workspace === null ? skill : { ...skill, workspace: ref.workspace } },
    )
  }

  private itemOf(file: SkillFile): SkillItem {
    const { name, workspace, path, own, skill, problems } = file
    const { title = name, about = '', parameters = [] } = skill ?? {}
    return { name, workspace, path, own, title, about, parameters, problems, barred: this.barred(file) }
  }

  private barred({ workspace }: SkillRef): Problem | null {
    return workspace === null || this.options.trusts(workspace) ? null : untrusted(workspace)
  }
}

/** How the key of each of its runs begins. */
const keyOf = ({ name, workspace }: SkillRef): string =>
  `skill:${workspace === null ? '' : `${sha256(workspace).slice(0, 16)}/`}${name}:`

const untrusted = (workspace: string): Problem => ({
  kind: 'skill-untrusted',
  text: `Nobody has said that ${workspace} is trusted, so its own skills are not run.`,
  todo: `Read them, then: openloom trust ${workspace}`,
})
