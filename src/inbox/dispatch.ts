/**
 * Text → TaskSpec, or problems with line numbers. Pure: every way in comes through here and nothing here
 * touches a file, a clock or the store. Checks are judged by the grammar that the caller passes in.
 */
import type { z } from 'zod'
import type { CheckSpec } from '../core/check.ts'
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'
import { checksMax, type TaskSpec, titleCharsMax } from '../core/spec.ts'
import { nearest } from '../lib/nearest.ts'
import { parseYaml } from '../lib/yaml.ts'
import { at, type Draft, isKey, isRecord, keyOf, newDraft, setKey, taskKeys } from './keys.ts'
import { type Item, type Outline, outlineOf, type Section } from './markdown.ts'
import { notATask, type Order, orderOf } from './orders.ts'

/** What dispatch needs to know of the checks that exist. */
export interface Grammar {
  schema: z.ZodType<TaskSpec>
  parseCheckLine(text: string): { ok: true; value: CheckSpec } | { ok: false; problems: Problem[] }
  /** Whether a line opens with the word of a check, e.g. `run: …`. */
  isCheckLine(text: string): boolean
}

export const taskBytesMax = 256 * 1024
const frontMatterBytesMax = 64 * 1024

/** Bytes as they came from a file: strict UTF-8, BOM and CRLF tolerated. */
export function decodeTask(bytes: Uint8Array): Result<string> {
  if (bytes.length > taskBytesMax) {
    const text = `It is larger than a task may be (${taskBytesMax} bytes).`
    return refuse({ kind: 'too-large', text, todo: 'Put the long part into a file of the workspace and name it.' })
  }
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    const why = 'The file is not UTF-8 text.'
    return refuse({ kind: 'not-utf8', text: why, todo: 'Save it as UTF-8 (without another encoding or binary data).' })
  }
  const nul = text.indexOf('\0')
  if (nul >= 0) {
    const line = text.slice(0, nul).split('\n').length
    return refuse({ kind: 'not-text', text: 'The file holds a NUL character, so it is not text.', line })
  }
  return ok(text.replaceAll('\r\n', '\n').replaceAll('\r', '\n'))
}

/** What a text is about: work to do, or a word on something that waits. */
export type Dispatched = { kind: 'task'; spec: TaskSpec } | Order

export function dispatchText(text: string, grammar: Grammar): Result<Dispatched> {
  if (text.trim() === '') return refuse(empty)
  const outline = outlineOf(text)
  if (outline === null) return refuse(tooDeep)
  const order = orderOf(outline)
  if (order) return order
  const draft = draftOf(outline, grammar)
  const session = takeOverOf(draft)
  if (session !== null) return ok({ kind: 'take-over', session })
  const spec = finish(draft, grammar)
  return spec.ok ? ok({ kind: 'task', spec: spec.value }) : spec
}

/** Where only a task will do. */
export function dispatchMarkdown(text: string, grammar: Grammar): Result<TaskSpec> {
  const dispatched = dispatchText(text, grammar)
  if (!dispatched.ok) return dispatched
  return dispatched.value.kind === 'task' ? ok(dispatched.value.spec) : refuse(notATask)
}

/** `session: …` with `abort: true` and nothing to do is about that session alone. */
function takeOverOf({ fields, problems }: Draft): string | null {
  const { session, abort } = fields
  const alone = Object.keys(fields).every((name) => ['session', 'abort', 'workspace', 'runtime'].includes(name))
  if (!alone || problems.length > 0 || abort !== true || typeof session !== 'string') return null
  return /^[A-Za-z0-9_-]{1,120}$/.test(session) ? session : null
}

function draftOf(outline: Outline, grammar: Grammar): Draft {
  const draft = newDraft()
  if (outline.frontMatter) readFrontMatter(draft, outline.frontMatter, grammar)
  if (outline.title?.text)
    setKey(draft, 'title', { value: outline.title.text.slice(0, titleCharsMax), line: outline.title.line })
  const free = readHeader(draft, outline)
  readSections(draft, outline.sections, { grammar, free })
  return draft
}

/** A YAML text, or JSON, whose top level is the task. `sections` are top-level keys that belong to somebody else. */
export function dispatchYaml(text: string, grammar: Grammar, sections: readonly string[] = []): Result<TaskSpec> {
  const parsed = parseYaml(text, { sizeBytesMax: taskBytesMax })
  if (!parsed.ok) return parsed
  const { value, lineOf } = parsed.value
  if (!isRecord(value)) {
    return refuse({
      kind: 'not-a-task',
      text: 'The top level is not a set of keys.',
      todo: 'Begin with `goal: …`.',
      line: 1,
    })
  }
  const own = Object.fromEntries(Object.entries(value).filter(([key]) => !sections.includes(key)))
  return dispatchObject(own, grammar, lineOf)
}

/** A value that was parsed elsewhere (JSON body, YAML). */
export function dispatchObject(
  value: Record<string, unknown>,
  grammar: Grammar,
  lineOf: (path: readonly PropertyKey[]) => number | undefined = () => undefined,
): Result<TaskSpec> {
  const draft = newDraft()
  readKeys(draft, value, { grammar, lineOf })
  return finish(draft, grammar)
}

const tooDeep: Problem = {
  kind: 'too-deep',
  text: 'Its lists are nested deeper than can be read.',
  todo: 'Write it flatter.',
}

const empty: Problem = {
  kind: 'empty',
  text: 'There is nothing in it.',
  todo: 'Write at least one line that says what is to be done.',
  line: 1,
}

interface Reading {
  grammar: Grammar
  lineOf(path: readonly PropertyKey[]): number | undefined
}

function readKeys(draft: Draft, value: Record<string, unknown>, reading: Reading): void {
  for (const [key, given] of Object.entries(value)) {
    const line = reading.lineOf([key])
    if (given === null || given === undefined) continue
    if (key === 'checks') setKey(draft, key, { value: readChecks(draft, given, ['checks'], reading), line })
    else if (key === 'steps') setKey(draft, key, { value: readSteps(draft, given, reading), line })
    else if (key === 'acceptance' || key === 'global_acceptance') {
      setKey(draft, key, { value: typeof given === 'string' ? [given] : given, line })
    } else setKey(draft, key, { value: given, line })
  }
}

/**
 * Steps as strings, or as `{title|name, acceptance, checks}`; the acceptance of a step is told to the agent with it.
 */
function readSteps(draft: Draft, given: unknown, reading: Reading): unknown {
  if (!Array.isArray(given)) return given
  return given.map((step: unknown, index) => {
    if (!isRecord(step)) return step
    const { name, title, acceptance, checks, ...rest } = step
    const words = (Array.isArray(acceptance) ? acceptance : acceptance ? [acceptance] : []).map(String)
    const text = [String(title ?? name ?? ''), ...words.map((word) => `- ${word}`)].join('\n')
    const list = checks === undefined ? [] : readChecks(draft, checks, ['steps', index, 'checks'], reading)
    return { ...rest, title: text, checks: list }
  })
}

/** Full forms stay as they are; one-line forms are parsed. */
function readChecks(draft: Draft, given: unknown, path: readonly PropertyKey[], reading: Reading): unknown {
  if (!Array.isArray(given)) return given
  return given.flatMap((check: unknown, index) => {
    const line = reading.lineOf([...path, index])
    // `- run: npm test` is a YAML map of one key; it means the one-line form.
    const short = shortForm(check, reading.grammar)
    if (short === null) return [check]
    return parseCheck(draft, short, { grammar: reading.grammar, line })
  })
}

function shortForm(check: unknown, grammar: Grammar): string | null {
  if (typeof check === 'string') return check
  if (!isRecord(check) || 'kind' in check) return null
  const [entry, more] = Object.entries(check)
  if (!entry || more) return null
  const text = `${entry[0]}: ${String(entry[1])}`
  return typeof entry[1] !== 'object' && grammar.isCheckLine(text) ? text : null
}

function parseCheck(draft: Draft, text: string, where: { grammar: Grammar; line: number | undefined }): CheckSpec[] {
  const parsed = where.grammar.parseCheckLine(unquote(text))
  if (parsed.ok) return [parsed.value]
  draft.problems.push(...parsed.problems.map((problem) => ({ ...problem, ...at(where.line) })))
  return []
}

function readFrontMatter(draft: Draft, block: { text: string; line: number }, grammar: Grammar): void {
  const parsed = parseYaml(block.text, { sizeBytesMax: frontMatterBytesMax, firstLine: block.line })
  if (!parsed.ok) {
    draft.problems.push(...parsed.problems)
    return
  }
  const { value, lineOf } = parsed.value
  if (isRecord(value)) readKeys(draft, value, { grammar, lineOf })
  else if (value !== null) {
    const text = 'The front matter is not a set of keys.'
    draft.problems.push({
      kind: 'front-matter',
      text,
      todo: 'Write `key: value` lines between the dashes.',
      line: block.line,
    })
  }
}

/** Key lines before the first section; returns what is left: free text, which is the goal where no section says it. */
function readHeader(draft: Draft, outline: Outline): string {
  let free = outline.preamble
  for (const { text, line } of outline.header) {
    const match = /^([A-Za-z][A-Za-z _-]{1,30}):(?:\s+(.*))?$/.exec(text)
    if (!match?.[1]) continue
    if (!isKey(match[1])) {
      noteMisspelling(draft, match[1], line)
      continue
    }
    const value = unquote((match[2] ?? '').trim())
    free = removeLine(free, text)
    if (value !== '') setKey(draft, match[1], { value: headerValue(match[1], value), line })
  }
  return free.trim()
}

/** A line that misses a key by a letter is a slip; anything further off is prose. */
function noteMisspelling(draft: Draft, written: string, line: number): void {
  const near = nearest(keyOf(written), taskKeys, written.length >= 7 ? 2 : 1)
  if (!near) return
  const text = `"${written}:" is not a key of a task.`
  draft.problems.push({ kind: 'unknown-key', text, todo: `Did you mean "${near}"?`, line })
}

function headerValue(key: string, value: string): unknown {
  if (/^abort/i.test(key))
    return /^(true|yes|1|on)$/i.test(value) ? true : /^(false|no|0|off)$/i.test(value) ? false : value
  return value
}

function removeLine(text: string, line: string): string {
  const lines = text.split('\n')
  const index = lines.findIndex((l) => l.trim().replace(/^[-*+]\s+/, '') === line)
  if (index >= 0) lines.splice(index, 1)
  return lines.join('\n')
}

/** Quotes or backticks around a whole value. */
function unquote(value: string): string {
  const match = /^(["'`])(.*)\1$/s.exec(value.trim())
  return match?.[2] !== undefined && !match[2].includes(match[1] ?? '') ? match[2] : value.trim()
}

function readSections(draft: Draft, sections: readonly Section[], from: { grammar: Grammar; free: string }): void {
  const goal: string[] = []
  let goalLine: number | undefined
  const rest: string[] = []
  for (const section of sections) {
    const name = section.text.toLowerCase().replace(/:$/, '')
    if (name.startsWith('goal')) {
      goal.push(section.body)
      goalLine ??= section.line
    } else if (name.startsWith('step')) {
      setKey(draft, 'steps', { value: section.items.map((i) => stepOf(draft, i, from.grammar)), line: section.line })
    } else if (name.startsWith('accept')) {
      setKey(draft, 'acceptance', { value: section.items.map(wholeText), line: section.line })
    } else if (name.startsWith('check')) {
      setKey(draft, 'checks', { value: sectionChecks(draft, section, from.grammar), line: section.line })
    } else {
      // A section of another name is part of what the agent should know; dropping it would lose somebody's words.
      rest.push(`## ${section.text}\n\n${section.body}`)
    }
  }
  const text = [from.free, ...goal, ...rest].filter((part) => part.trim() !== '').join('\n\n')
  if (text !== '') setKey(draft, 'goal', { value: text, line: goalLine ?? 1 })
}

function stepOf(draft: Draft, item: Item, grammar: Grammar): { title: string; checks: CheckSpec[] } {
  const checks = item.children.filter((child) => grammar.isCheckLine(child.text))
  const words = item.children.filter((child) => !grammar.isCheckLine(child.text))
  return {
    title: [item.text, ...words.map((child) => `- ${wholeText(child)}`)].join('\n'),
    checks: checks.flatMap((child) => parseCheck(draft, child.text, { grammar, line: child.line })),
  }
}

function wholeText(item: Item): string {
  return [item.text, ...item.children.map((child) => `- ${wholeText(child)}`)].join('\n')
}

function sectionChecks(draft: Draft, section: Section, grammar: Grammar): unknown[] {
  // One more than a task may have: too many are still told as too many.
  const items = section.items.slice(0, checksMax + 1)
  const lines = items.flatMap((item) => parseCheck(draft, item.text, { grammar, line: item.line }))
  if (!section.yaml) return lines
  const { text, line: firstLine } = section.yaml
  const parsed = parseYaml(text, { sizeBytesMax: frontMatterBytesMax, firstLine })
  if (!parsed.ok) {
    draft.problems.push(...parsed.problems)
    return lines
  }
  const { value, lineOf } = parsed.value
  const full = readChecks(draft, value, [], { grammar, lineOf })
  return [...lines, ...(Array.isArray(full) ? full : [full])]
}

/** Fills what follows from the rest, then lets the schema judge everything at once. */
function finish(draft: Draft, grammar: Grammar): Result<TaskSpec> {
  const { fields, lines } = draft
  foldStepAcceptance(draft)
  if (typeof fields.goal !== 'string' && typeof fields.title === 'string') fields.goal = fields.title
  if (typeof fields.title !== 'string' && typeof fields.goal === 'string') fields.title = titleFrom(fields.goal)
  if (fields.goal === undefined && draft.problems.length === 0) {
    const todo = 'Add a `## goal` section, or one plain line.'
    return refuse({ kind: 'no-goal', text: 'It does not say what is to be done.', todo, line: 1 })
  }
  const parsed = grammar.schema.safeParse(fields)
  const faults = parsed.success ? [] : parsed.error.issues.map((issue) => problemOf(issue, lines))
  const problems = [...draft.problems, ...faults]
  return parsed.success && problems.length === 0 ? ok(parsed.data) : refuse(...problems.slice(0, 50))
}

/** The original's list of lists, used where it is as long as the steps. */
function foldStepAcceptance(draft: Draft): void {
  const { step_acceptance: lists, steps } = draft.fields
  delete draft.fields.step_acceptance
  if (!Array.isArray(lists) || !Array.isArray(steps) || lists.length !== steps.length) return
  draft.fields.steps = steps.map((step: unknown, index) => {
    const words = Array.isArray(lists[index]) ? lists[index].map((word: unknown) => `- ${String(word)}`) : []
    const given = isRecord(step) ? step : { title: String(step), checks: [] }
    return { ...given, title: [String(given.title), ...words].join('\n') }
  })
}

function titleFrom(goal: string): string {
  const prose = goal.replace(/^(`{3,}|~{3,})[\s\S]*?^\1.*$/gm, '')
  const first = prose.split('\n').find((line) => /[\p{L}\p{N}]/u.test(line)) ?? goal
  const line = first.replace(/^[#>*\-\s]+/, '').trim()
  return line.length <= 80 ? line : `${line.slice(0, 77).replace(/\s+\S*$/, '')}…`
}

function problemOf(issue: z.core.$ZodIssue, lines: Draft['lines']): Problem {
  const line = lines[issue.path.slice(0, 2).map(String).join('.')] ?? lines[String(issue.path[0] ?? '')]
  const where = issue.path.length > 0 ? `"${issue.path.join('.')}": ` : ''
  return { kind: 'bad-value', text: `${where}${issue.message}.`, ...at(line) }
}
