/**
 * Every way in, ending in the one dispatch and the one intake: text, objects, YAML specs, files of the inbox folder.
 */
import { realpath } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { WrittenReply } from '../core/ask.ts'
import type { CheckSpec } from '../core/check.ts'
import { ok, type Problem, type Result, reasonOf, refuse } from '../core/problem.ts'
import { flattenChecks, type TaskSpec } from '../core/spec.ts'
import type { Origin, Preview, PreviewCheck, Source, Submission } from '../core/task.ts'
import { type FileOutcome, type InboxFile, readInboxFile } from './directory.ts'
import { type Dispatched, decodeTask, dispatchObject, type Grammar } from './dispatch.ts'
import type { Arrivals, Intake } from './intake.ts'
import { isRecord } from './keys.ts'
import { notATask, type Order } from './orders.ts'

export interface WaysOptions {
  intake: Intake
  arrivals: Arrivals
  grammar: Grammar
  describeCheck(spec: CheckSpec): string
  inboxDir: string
  /** Markdown → a task or an order; may run beside the main thread. */
  parseMarkdown(text: string): Promise<Result<Dispatched>>
  /** Answers what a session asks; saying the same again is no fault. */
  answer(ask: string, reply: WrittenReply): Promise<Result<unknown>>
  /** Stops what a session does and lets it begin again. */
  takeOver(sessionId: string): Promise<Result<unknown>>
  note(type: 'inbox.noticed' | 'intake.refused', data: Record<string, unknown>): void
  /** Called after a task was accepted. */
  accepted(): void
}

export class InboxWays {
  private readonly options: WaysOptions

  constructor(options: WaysOptions) {
    this.options = options
  }

  /** Markdown. `also` fills fields that the text itself leaves open; what the text says wins only for the workspace. */
  async submitText(text: string, origin: Origin, also: Record<string, unknown> = {}): Promise<Submission> {
    const decoded = decodeTask(new TextEncoder().encode(text))
    const parsed = decoded.ok ? await this.options.parseMarkdown(decoded.value) : decoded
    if (!parsed.ok) return this.submit(parsed, origin)
    if (parsed.value.kind !== 'task') return this.obey(parsed.value, origin)
    return this.submit(ok(withFields(parsed.value.spec, also)), origin)
  }

  /** `also`: what no text can say of itself. */
  submitObject(
    value: Record<string, unknown>,
    origin: Origin,
    also: Pick<TaskSpec, 'skill'> = {},
  ): Promise<Submission> {
    const parsed = dispatchObject(value, this.options.grammar)
    return this.submit(parsed.ok ? ok({ ...parsed.value, ...also }) : parsed, origin)
  }

  /** What a text or an object would become, by the same parser and the same policy; nothing is stored or told. */
  async preview(asked: string | Record<string, unknown>, source: Source): Promise<Preview> {
    const spec = typeof asked === 'string' ? await this.read(asked) : dispatchObject(asked, this.options.grammar)
    if (!spec.ok) return { spec: null, checks: [], task: null, problems: spec.problems }
    const checks = flattenChecks(spec.value).map((check) => this.shown(check))
    const prepared = await this.options.intake.prepare(spec.value, source)
    const task = prepared.ok ? prepared.value : null
    return { spec: spec.value, checks, task, problems: prepared.ok ? [] : prepared.problems }
  }

  private async read(text: string): Promise<Result<TaskSpec>> {
    const decoded = decodeTask(new TextEncoder().encode(text))
    return taskOf(decoded.ok ? await this.options.parseMarkdown(decoded.value) : decoded)
  }

  private shown({ spec, step }: { spec: CheckSpec; step: number | null }): PreviewCheck {
    const { describeCheck, grammar } = this.options
    const title = describeCheck(spec)
    const again = grammar.parseCheckLine(title)
    return { title, step, line: again.ok && isDeepStrictEqual(again.value, spec) ? title : null }
  }

  /** A file that lies directly in the inbox, by path; it gets the key that the folder itself will find it under. */
  async submitInboxFile(path: string): Promise<Submission> {
    const { inboxDir } = this.options
    const [folder, dir] = await Promise.all([realFolder(dirname(path)), realFolder(inboxDir)])
    if (folder === null || folder !== dir) return { kind: 'refused', problems: [outside(inboxDir)] }
    const file = await readInboxFile(inboxDir, basename(path)).catch(unreadable)
    if (file !== null && 'kind' in file) return { kind: 'refused', problems: [file] }
    if (file === null) return { kind: 'refused', problems: [noSuchFile] }
    const outcome = await this.take(file)
    if (outcome.kind === 'rejected') return { kind: 'refused', problems: outcome.problems }
    if (outcome.kind === 'obeyed') return outcome
    const task = this.options.arrivals.get(outcome.taskId)
    return { kind: 'known', task }
  }

  /** For the folder: stores what a file asks for, or remembers that it was refused. */
  async take(file: InboxFile): Promise<FileOutcome> {
    const origin: Origin = { source: 'inbox', externalId: file.key, bodySha256: file.sha256 }
    const parsed = file.problem ? refuse(file.problem) : await this.parse(file)
    const order = parsed.ok && parsed.value.kind !== 'task' ? parsed.value : null
    const result = order ? await this.obey(order, origin) : await this.submit(taskOf(parsed), origin)
    if (result.kind === 'obeyed') return result
    if (result.kind === 'refused') {
      const data = { file: file.name, problems: result.problems }
      this.options.arrivals.refuse(origin, { type: 'inbox.rejected', data })
      return { kind: 'rejected', problems: result.problems }
    }
    if (result.task) return { kind: result.kind === 'accepted' ? 'accepted' : 'known', taskId: result.task.id }
    return { kind: 'rejected', problems: parsed.ok ? [refusedBefore] : parsed.problems }
  }

  /** Bytes that came to a file after it was taken: an update before the start, a notice after it. */
  async changed(taskId: string, file: InboxFile): Promise<void> {
    const task = this.options.arrivals.get(taskId)
    if (!task) return
    const result = await this.options.intake.revise(task, taskOf(await this.parse(file)))
    if (result === 'revised') return
    const why = unchanged[result]
    const text = `The file of task ${taskId} was written to after it was taken; nothing was changed, because ${why}.`
    this.options.note('inbox.noticed', { taskId, file: basename(file.name), text })
  }

  /**
   * Does what a text says that is no task. A file may be read again after a crash: an answer is the same answer then,
   * and a take-over that was done is remembered under a key of its own.
   */
  private async obey(order: Order, origin: Origin): Promise<Submission> {
    const { arrivals, intake } = this.options
    const done = { ...origin, externalId: `${origin.externalId} done` }
    const id = order.kind === 'answer' ? order.ask : order.session
    const obeyed = { kind: 'obeyed', order: order.kind, id, text: `${doneWords[order.kind]} ${id}.` } as const
    const before = arrivals.arrival(done)
    if (before) return before.bodySha256 === origin.bodySha256 ? obeyed : { kind: 'conflict', task: null }
    const barred = intake.answerProblem(origin.source)
    const result = barred ? refuse(barred) : await this.carryOut(order)
    if (!result.ok) {
      const { problems } = result
      if (origin.source !== 'inbox') this.options.note('intake.refused', { source: origin.source, problems })
      return { kind: 'refused', problems }
    }
    arrivals.refuse(done, { type: 'inbox.noticed', data: { source: origin.source, text: obeyed.text } })
    return obeyed
  }

  private carryOut(order: Order): Promise<Result<unknown>> {
    const { answer, takeOver } = this.options
    return order.kind === 'answer' ? answer(order.ask, order.reply) : takeOver(order.session)
  }

  private async parse(file: InboxFile): Promise<Result<Dispatched>> {
    const decoded = decodeTask(file.bytes)
    return decoded.ok ? this.options.parseMarkdown(decoded.value) : decoded
  }

  private async submit(parsed: Result<TaskSpec>, origin: Origin): Promise<Submission> {
    const result = await this.options.intake.submit(parsed, origin)
    if (result.kind === 'accepted') this.options.accepted()
    if (result.kind === 'refused' && origin.source !== 'inbox') {
      this.options.note('intake.refused', { source: origin.source, problems: result.problems })
    }
    return result
  }
}

const taskOf = (parsed: Result<Dispatched>): Result<TaskSpec> => {
  if (!parsed.ok) return parsed
  return parsed.value.kind === 'task' ? ok(parsed.value.spec) : refuse(notATask)
}

const doneWords = { answer: 'Answered:', 'take-over': 'Taken over:' }

function withFields(spec: TaskSpec, also: Record<string, unknown>): TaskSpec {
  const given = isRecord(also) ? also : {}
  const workspace = spec.workspace ?? (typeof given.workspace === 'string' ? given.workspace : undefined)
  const session = typeof given.session === 'string' ? given.session : spec.session
  return { ...spec, ...(workspace ? { workspace } : {}), ...(session ? { session } : {}) }
}

async function realFolder(path: string): Promise<string | null> {
  try {
    return await realpath(path)
  } catch {
    // Missing or unreadable is "not the inbox" all the same.
    return null
  }
}

const outside = (dir: string): Problem => ({
  kind: 'outside-inbox',
  text: 'Only files directly inside the inbox folder are read.',
  todo: `Put the file into ${dir}, or send its text.`,
})

const unreadable = (error: unknown): Problem => ({
  kind: 'file-unreadable',
  text: `The file in the inbox cannot be read: ${reasonOf(error)}.`,
  todo: 'Look at the rights of the folder and of the file.',
})

const noSuchFile: Problem = { kind: 'file-missing', text: 'There is no such file in the inbox.' }
const refusedBefore: Problem = { kind: 'refused-before', text: 'The same file was refused before.' }

const unchanged = {
  late: 'the task had started',
  unreadable: 'it cannot be read as this task any more',
  circle: 'the task would wait for itself (after)',
}
