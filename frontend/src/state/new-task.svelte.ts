/** A task while it is written: its text or fields, what the daemon reads in it, the way out. Loses nothing typed. */
import type { Problem } from '../../../src/core/problem.ts'
import type { TaskPreview } from '../../../src/server/api.ts'
import type { Refusal } from '../answer.ts'
import { freshKey } from '../asked.ts'
import { emptyForm, type Field, fieldOf, formOf, type TaskForm, withWorkspace, writeTask } from '../model/task-text.ts'
import { clock } from './clock.svelte.ts'
import { api } from './door.svelte.ts'
import { drafts } from './drafts.svelte.ts'
import { orders } from './orders.svelte.ts'

const typingPauseMs = 200

type Read = TaskPreview & { spec: NonNullable<TaskPreview['spec']> }

export class NewTask {
  text = $state('')
  form = $state<TaskForm | null>(null)
  before = $state('')
  /** Of the last text that could be read. */
  read = $state.raw<Read | null>(null)
  /** Of the text as it is now. */
  problems = $state.raw<readonly Problem[]>([])
  /** The text was judged as it is now. */
  fresh = $state(false)
  refusal = $state<Refusal | null>(null)
  sending = $state(false)
  kept = $state(true)
  #fields: readonly (Field | null)[] = []
  #asked = 0
  /** What is sent twice is one task, also after a reload in between; another text is another request. */
  #key = ''

  constructor() {
    const { text, form, before, key } = drafts.read()
    this.text = text
    this.form = form
    this.before = before
    if (form) this.#fields = writeTask(form).fields
    this.#key = key
    this.#judgeSoon()
  }

  get isEmpty(): boolean {
    return this.text.trim() === ''
  }

  /** Problems that stand at a field of the form. */
  at(field: Field): Problem[] {
    return this.problems.filter((problem) => fieldOf(problem, this.#fields) === field)
  }

  get lines(): Map<number, string> {
    return new Map(this.problems.flatMap(({ line, text }) => (line === undefined ? [] : [[line, text] as const])))
  }

  write(text: string): void {
    this.text = text
    this.#touched()
  }

  /** After a field of the form was changed. */
  filled(): void {
    if (!this.form) return
    const { text, fields } = writeTask(this.form)
    this.#fields = fields
    this.write(text)
  }

  /** Another text in the place of this one, which stays within reach. */
  replace(text: string): void {
    this.before = this.isEmpty || this.text === text ? '' : this.text
    this.form = null
    this.write(text)
  }

  pickWorkspace(path: string): void {
    if (this.form) {
      this.form.workspace = path
      this.filled()
    } else this.write(withWorkspace(this.text, path))
  }

  /** Null: the text cannot be read, so that the fields would not say what it says. */
  get asForm(): TaskForm | null {
    if (this.isEmpty) return emptyForm()
    return this.fresh && this.read && this.problems.every(({ line }) => line === undefined)
      ? formOf(this.read.spec, this.read.checks)
      : null
  }

  asFields(): void {
    const form = this.asForm
    if (!form) return
    this.form = form
    this.filled()
  }

  asText(): void {
    this.form = null
    this.#keep()
  }

  /** A template, or the spec of a task that was: read by the daemon, written down as anybody would write it. */
  async open(body: string | Record<string, unknown>): Promise<void> {
    const answer = await api.previewTask(typeof body === 'string' ? { markdown: body } : body)
    if (!answer.ok) this.refusal = answer.refusal
    else if (answer.value.spec) this.replace(writeTask(formOf(answer.value.spec, answer.value.checks)).text)
  }

  /** The spec of a task that was; its session is not taken along. */
  async openTask(id: string): Promise<void> {
    const answer = await api.task(id)
    if (!answer.ok) {
      this.refusal = answer.refusal
      return
    }
    const { spec, isolation, workspace } = answer.value.task
    const { session: _, skill: __, ...rest } = spec
    await this.open({ ...rest, workspace: spec.workspace ?? isolation?.origin ?? workspace })
  }

  /** The id of the task, or null: it was refused, and the page says where. */
  async send(): Promise<string | null> {
    if (this.sending || this.isEmpty) return null
    this.sending = true
    this.#key ||= freshKey()
    this.#keep()
    const sent = this.#key
    const answer = await api.addTask(this.text, sent)
    this.sending = false
    if (!answer.ok) {
      this.refusal = answer.refusal
      if (answer.refusal.problems.length > 0) this.problems = answer.refusal.problems
      return null
    }
    const { id, order, text } = answer.value
    // What was typed meanwhile is another draft.
    if (this.#key === sent) drafts.drop()
    orders.say('ok', order ? (text ?? 'Done.') : 'The task is in the queue.')
    return order ? '' : id
  }

  #touched(): void {
    this.#key = ''
    this.#keep()
    this.#judgeSoon()
  }

  #judgeSoon(): void {
    this.fresh = false
    this.refusal = null
    const asked = ++this.#asked
    clock.after(typingPauseMs, () => {
      if (asked === this.#asked) void this.#judge(asked)
    })
  }

  #keep(): void {
    this.kept = drafts.keep({ text: this.text, form: $state.snapshot(this.form), before: this.before, key: this.#key })
  }

  /** The answer to the last question counts, whichever comes first. */
  async #judge(asked: number): Promise<void> {
    if (this.isEmpty) {
      this.problems = []
      this.read = null
      this.fresh = true
      return
    }
    const answer = await api.previewTask({ markdown: this.text })
    if (asked !== this.#asked) return
    this.fresh = true
    if (!answer.ok) {
      this.refusal = answer.refusal
      return
    }
    this.problems = answer.value.problems
    const { spec } = answer.value
    if (spec) this.read = { ...answer.value, spec }
  }
}
