/** A task as fields and as markdown: two ways of one thing. What it means is said by the daemon's parser alone. */
import type { TaskSpec } from '../../../src/core/spec.ts'
import type { PreviewCheck } from '../../../src/core/task.ts'

export const limitNames = ['minutes', 'attempts', 'tool_calls', 'tokens'] as const
export type LimitName = (typeof limitNames)[number]

/** Texts as somebody types them; steps, checks and acceptance have one a line. */
export interface TaskForm {
  title: string
  workspace: string
  goal: string
  /** Lines that are set in belong to the step above them. */
  steps: string
  /** One-line forms, or whole checks as JSON. */
  checks: string
  acceptance: string
  runtime: string
  session: string
  isolation: string
  after: string
  limits: Record<LimitName, string>
  /** Further settings as lines of YAML. */
  more: string
}
export type Field = Exclude<keyof TaskForm, 'limits'> | LimitName

export const emptyForm = (): TaskForm => ({
  ...{ title: '', workspace: '', goal: '', steps: '', checks: '', acceptance: '' },
  ...{ runtime: '', session: '', isolation: '', after: '', more: '' },
  limits: { minutes: '', attempts: '', tool_calls: '', tokens: '' },
})

/** Fields of a spec that the form has a place for; every other one is kept as a further setting. */
const placed = new Set(['title', 'workspace', 'goal', 'steps', 'checks', 'acceptance', 'runtime', 'session'])
const elsewhere = new Set(['isolation', 'after', 'limits'])

export function formOf(spec: TaskSpec, checks: readonly PreviewCheck[]): TaskForm {
  const steps = spec.steps.map((step, index) => stepLines(step.title, checksOfStep(checks, index)))
  const own = checks.slice(checks.length - spec.checks.length)
  const plainSteps = steps.every((lines) => lines !== null)
  const plainWords = spec.acceptance.every((word) => !word.includes('\n'))
  const plainAfter = spec.after?.every((name) => !name.includes(',')) ?? true
  const left = Object.entries(spec).filter(([key, value]) => {
    return !placed.has(key) && !elsewhere.has(key) && value !== undefined && !(key === 'abort' && value === false)
  })
  if (!plainSteps) left.push(['steps', spec.steps])
  if (!plainWords) left.push(['acceptance', spec.acceptance])
  if (!plainAfter) left.push(['after', spec.after])
  return {
    title: spec.title,
    workspace: spec.workspace ?? '',
    goal: spec.goal === spec.title ? '' : spec.goal,
    steps: plainSteps ? steps.flat().join('\n') : '',
    checks: own.map(({ line }, index) => line ?? JSON.stringify(spec.checks[index])).join('\n'),
    acceptance: plainWords ? spec.acceptance.join('\n') : '',
    runtime: spec.runtime ?? '',
    session: spec.session ?? '',
    isolation: spec.isolation ?? '',
    after: plainAfter ? (spec.after ?? []).join(', ') : '',
    limits: Object.fromEntries(limitNames.map((name) => [name, String(spec.limits[name] ?? '')])) as TaskForm['limits'],
    more: left.map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join('\n'),
  }
}

const checksOfStep = (checks: readonly PreviewCheck[], step: number) => checks.filter((check) => check.step === step)

/** Null: more is said of the step than lines can hold. */
function stepLines(title: string, checks: readonly PreviewCheck[]): string[] | null {
  const [first = '', ...words] = title.split('\n')
  if (!words.every((word) => word.startsWith('- ')) || checks.some(({ line }) => line === null)) return null
  return [first, ...words.map((word) => `  ${word}`), ...checks.map(({ line }) => `  - ${line}`)]
}

class Page {
  readonly lines: string[] = []
  readonly fields: (Field | null)[] = []

  add(field: Field | null, text: string): void {
    for (const line of text.split('\n')) {
      this.lines.push(line)
      this.fields.push(field)
    }
  }

  section(field: Field, text: string): void {
    if (text.trim() === '') return
    if (this.lines.length > 0) this.add(null, '')
    this.add(field, `## ${field}`)
    this.add(field, text)
  }
}

const isSet = (text: string) => text.trim() !== ''
/** A word that YAML reads as this very word. */
const plain = /^(?!(?:y|n|yes|no|on|off|true|false|null)$)[A-Za-z/~][\w./~ -]*(?<! )$/i
const scalar = (text: string) => (plain.test(text) || /^\d+(\.\d+)?$/.test(text) ? text : JSON.stringify(text))
const list = (text: string) => text.split('\n').filter(isSet)

/** `fields`: of which field each line is, so that what is said of a line can be said of the field. */
export function writeTask(form: TaskForm): { text: string; fields: (Field | null)[] } {
  const page = new Page()
  writeSettings(page, form)
  if (isSet(form.title)) page.add('title', `# ${form.title.trim()}`)
  page.section('goal', form.goal.trim())
  page.section('steps', stepsText(form.steps))
  page.section('acceptance', bullets(list(form.acceptance)))
  writeChecks(page, list(form.checks))
  return { text: page.lines.length > 0 ? `${page.lines.join('\n')}\n` : '', fields: page.fields }
}

function writeSettings(page: Page, form: TaskForm): void {
  const head = new Page()
  for (const field of ['workspace', 'runtime', 'session', 'isolation'] as const) {
    if (isSet(form[field])) head.add(field, `${field}: ${scalar(form[field].trim())}`)
  }
  const after = form.after.split(',').filter(isSet)
  if (after.length > 0) head.add('after', `after: [${after.map((name) => JSON.stringify(name.trim())).join(', ')}]`)
  const limits = limitNames.filter((name) => isSet(form.limits[name]))
  if (limits.length > 0) head.add(null, 'limits:')
  for (const name of limits) head.add(name, `  ${name}: ${scalar(form.limits[name].trim())}`)
  if (isSet(form.more)) head.add('more', form.more.trimEnd())
  if (head.lines.length === 0) return
  page.add(null, '---')
  head.lines.forEach((line, index) => {
    page.add(head.fields[index] ?? null, line)
  })
  page.add(null, '---')
}

function stepsText(text: string): string {
  let number = 0
  const written = list(text).map((line) => {
    if (/^\s/.test(line)) return `   - ${line.trim().replace(/^[-*]\s+/, '')}`
    return `${++number}. ${line.trim()}`
  })
  return written.join('\n')
}

const bullets = (lines: readonly string[]) => lines.map((line) => `- ${line.trim()}`).join('\n')

function writeChecks(page: Page, lines: readonly string[]): void {
  const whole = lines.filter((line) => line.trim().startsWith('{'))
  const short = lines.filter((line) => !whole.includes(line))
  const fenced = whole.length > 0 ? ['```yaml', bullets(whole), '```'].join('\n') : ''
  page.section('checks', [bullets(short), fenced].filter(isSet).join('\n\n'))
}

/** The text with another folder to work in, where a person picked one instead of typing it. */
export function withWorkspace(text: string, path: string): string {
  const line = `workspace: ${path}`
  if (/^workspace:.*$/im.test(text)) return text.replace(/^workspace:.*$/im, () => line)
  if (text.startsWith('---\n')) return text.replace('---\n', () => `---\n${line}\n`)
  const title = /^# .*$/m.exec(text)
  if (!title) return `${line}\n\n${text}`
  const end = title.index + title[0].length
  return `${text.slice(0, end)}\n\n${line}${text.slice(end)}`
}

const fieldByKind: Record<string, Field> = {
  'no-workspace': 'workspace',
  'workspace-missing': 'workspace',
  'workspace-no-folder': 'workspace',
  'workspace-forbidden': 'workspace',
  'workspace-not-allowed': 'workspace',
  'unknown-runtime': 'runtime',
  'runtime-not-allowed': 'runtime',
  'unknown-predecessor': 'after',
  'isolation-session': 'session',
  'no-goal': 'goal',
  empty: 'goal',
  'unknown-check': 'checks',
  'command-not-allowed': 'checks',
}

/** Which field a problem is about: by its line, or by what it says. */
export function fieldOf(
  problem: { kind: string; text: string; line?: number },
  fields: readonly (Field | null)[],
): Field | null {
  const limit = limitNames.find((name) => problem.text.startsWith(`"limits.${name}"`))
  if (limit) return limit
  return fieldByKind[problem.kind] ?? (problem.line ? (fields[problem.line - 1] ?? null) : null)
}
