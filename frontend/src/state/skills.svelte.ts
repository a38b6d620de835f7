/** Skills as lists, and one of them while it is read, written and run. It keeps no text that was not saved. */
import type { SkillRead, SkillRef } from '../../../src/core/spec.ts'
import type { SkillDetail, SkillList } from '../../../src/core/task.ts'
import type { LiveFrame } from '../../../src/server/api.ts'
import type { Refusal } from '../api.ts'
import { clock } from './clock.svelte.ts'
import { api } from './door.svelte.ts'
import { orders } from './orders.svelte.ts'
import { Reader } from './reader.ts'

export class Skills {
  list = $state.raw<SkillList | null>(null)
  refusal = $state<Refusal | null>(null)
  #workspace = ''

  async load(workspace: string): Promise<void> {
    this.#workspace = workspace
    const answer = await api.skills(workspace)
    if (this.#workspace !== workspace) return
    this.refusal = answer.ok ? null : answer.refusal
    if (answer.ok) this.list = answer.value
  }

  async begin(ref: SkillRef): Promise<boolean> {
    const made = await api.beginSkill(ref)
    if (!made.ok) orders.refused('It was not begun', made.refusal)
    return made.ok
  }
}

const typingPauseMs = 200

export class OneSkill {
  detail = $state.raw<SkillDetail | null>(null)
  refusal = $state<Refusal | null>(null)
  /** While it is written; null: it is read. */
  draft = $state<string | null>(null)
  /** Of the draft. */
  read = $state.raw<SkillRead | null>(null)
  values = $state<Record<string, string | boolean>>({})
  busy = $state(false)
  readonly ref: SkillRef
  #asked = 0
  /** What is sent twice is one run. */
  #key = ''
  readonly #reader = new Reader(() => this.#load(), 1_000)

  constructor(ref: SkillRef) {
    this.ref = ref
  }

  load(): Promise<void> {
    return this.#reader.run()
  }

  async #load(): Promise<void> {
    const answer = await api.skill(this.ref)
    this.refusal = answer.ok ? null : answer.refusal
    if (answer.ok) this.#take(answer.value)
  }

  apply(frames: readonly LiveFrame[]): void {
    const ids = new Set(this.detail?.runs.map(({ id }) => id))
    if (frames.some((frame) => frame.event === 'event' && ids.has(frame.data.taskId ?? ''))) void this.load()
  }

  get lines(): Map<number, string> {
    const problems = this.read?.problems ?? []
    return new Map(problems.flatMap(({ line, text }) => (line === undefined ? [] : [[line, text] as const])))
  }

  edit(): void {
    this.write(this.detail?.text ?? '')
  }

  leave(): void {
    this.draft = null
    this.read = null
  }

  write(text: string): void {
    this.draft = text
    const asked = ++this.#asked
    clock.after(typingPauseMs, () => {
      if (asked === this.#asked) void this.#judge(asked)
    })
  }

  async save(): Promise<void> {
    if (this.draft === null || !this.detail || this.busy) return
    this.busy = true
    const answer = await api.writeSkill(this.ref, this.draft, this.detail.sha256)
    this.busy = false
    if (!answer.ok) return orders.refused('It was not saved', answer.refusal)
    this.leave()
    await this.#load()
  }

  /** The copy; null: there is none, and the person was told. */
  async duplicate(): Promise<SkillRef | null> {
    const answer = await api.duplicateSkill(this.ref)
    if (answer.ok) return answer.value
    orders.refused('It was not duplicated', answer.refusal)
    return null
  }

  async remove(): Promise<boolean> {
    const answer = await api.removeSkill(this.ref, this.detail?.sha256 ?? '')
    if (answer.ok) orders.say('ok', 'The skill is deleted.', 'Its runs stay.')
    else orders.refused('It was not deleted', answer.refusal)
    return answer.ok
  }

  /** The id of the task; null: it was refused, and the person was told. */
  async run(folder: string): Promise<string | null> {
    if (this.busy) return null
    this.busy = true
    this.#key ||= Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join('')
    const asked = { ...(folder ? { folder } : {}), parameters: $state.snapshot(this.values) }
    const answer = await api.runSkill(this.ref, asked, this.#key)
    this.busy = false
    if (answer.ok || answer.refusal.status !== 0) this.#key = ''
    if (answer.ok) return answer.value.id
    orders.refused('It was not run', answer.refusal)
    return null
  }

  #take(detail: SkillDetail): void {
    this.detail = detail
    const given = this.values
    const parameters = detail.skill?.parameters ?? []
    this.values = Object.fromEntries(
      parameters.map(({ name, type, default: fallback }) => {
        const first = type === 'bool' ? fallback === true : String(fallback ?? '')
        return [name, given[name] ?? first]
      }),
    )
  }

  async #judge(asked: number): Promise<void> {
    const answer = await api.previewSkill(this.ref.name, this.draft ?? '')
    if (asked === this.#asked && answer.ok) this.read = answer.value
  }
}
