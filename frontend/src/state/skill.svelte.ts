/** One skill while it is read, written and run. Values are a person's own only where they gave some. */
import type { SkillParameter, SkillRead, SkillRef } from '../../../src/core/spec.ts'
import type { SkillDetail } from '../../../src/core/task.ts'
import type { LiveFrame } from '../../../src/server/api.ts'
import { type Refusal, whyOf } from '../answer.ts'
import { freshKey } from '../asked.ts'
import { clock } from './clock.svelte.ts'
import { api } from './door.svelte.ts'
import { orders } from './orders.svelte.ts'
import { Reader } from './reader.ts'
import { writings } from './writings.svelte.ts'

const typingPauseMs = 200

export class OneSkill {
  detail = $state.raw<SkillDetail | null>(null)
  refusal = $state<Refusal | null>(null)
  /** Of the draft. */
  read = $state.raw<SkillRead | null>(null)
  /** What a person gave. */
  given = $state<Record<string, string | boolean>>({})
  /** With what the skill brings where nobody gave anything. */
  readonly values = $derived(this.#valuesOf(this.detail?.skill?.parameters ?? []))
  busy = $state(false)
  readonly ref: SkillRef
  #asked = 0
  /** What is sent twice is one run; with other values it is another one. */
  #sent = { key: '', body: '' }
  readonly #reader = new Reader(() => this.#load(), 1_000)

  constructor(ref: SkillRef) {
    this.ref = ref
  }

  /** While it is written; null: it is read. */
  get draft(): string | null {
    return writings.of(this.detail?.path)?.text ?? null
  }

  get lines(): Map<number, string> {
    const problems = this.read?.problems ?? []
    return new Map(problems.flatMap(({ line, text }) => (line === undefined ? [] : [[line, text] as const])))
  }

  load(): Promise<void> {
    return this.#reader.run()
  }

  apply(frames: readonly LiveFrame[]): void {
    const ids = new Set(this.detail?.runs.map(({ id }) => id))
    if (frames.some((frame) => frame.event === 'event' && ids.has(frame.data.taskId ?? ''))) void this.load()
  }

  edit(): void {
    if (!this.detail) return
    writings.begin(this.detail)
    this.#judgeSoon()
  }

  write(text: string): void {
    if (this.detail) writings.write(this.detail.path, text)
    this.#judgeSoon()
  }

  leave(): void {
    if (this.detail) writings.end(this.detail.path)
    this.#forgetRead()
  }

  async save(): Promise<void> {
    const written = writings.of(this.detail?.path)
    if (!written || this.busy) return
    this.busy = true
    const answer = await api.writeSkill(this.ref, written.text, written.sha256)
    this.busy = false
    if (!answer.ok) return orders.refused('It was not saved', answer.refusal)
    writings.saved(written, answer.value.sha256)
    if (this.draft === null) this.#forgetRead()
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
    const body = { ...(folder ? { folder } : {}), parameters: this.values }
    const text = JSON.stringify(body)
    if (this.#sent.body !== text) this.#sent = { key: freshKey(), body: text }
    this.busy = true
    const answer = await api.runSkill(this.ref, body, this.#sent.key)
    this.busy = false
    if (answer.ok || answer.refusal.status !== 0) this.#sent = { key: '', body: '' }
    if (answer.ok) return answer.value.id
    orders.refused('It was not run', answer.refusal)
    return null
  }

  async #load(): Promise<void> {
    const answer = await api.skill(this.ref)
    this.refusal = answer.ok ? null : answer.refusal
    if (!answer.ok) return
    this.detail = answer.value
    if (this.draft !== null && !this.read) this.#judgeSoon()
  }

  #valuesOf(parameters: readonly SkillParameter[]): Record<string, string | boolean> {
    const values = parameters.map(({ name, type, default: usual }) => {
      const given = this.given[name]
      const first = type === 'bool' ? usual === true : String(usual ?? '')
      return [name, typeof given === typeof first ? (given ?? first) : first] as const
    })
    return Object.fromEntries(values)
  }

  #forgetRead(): void {
    this.#asked++
    this.read = null
  }

  #judgeSoon(): void {
    const asked = ++this.#asked
    clock.after(typingPauseMs, () => {
      if (asked === this.#asked) void this.#judge(asked)
    })
  }

  async #judge(asked: number): Promise<void> {
    const answer = await api.previewSkill(this.ref.name, this.draft ?? '')
    if (asked !== this.#asked) return
    const unread = (refusal: Refusal) => ({ skill: null, problems: [{ kind: 'unread', text: whyOf(refusal) }] })
    this.read = answer.ok ? answer.value : unread(answer.refusal)
  }
}
