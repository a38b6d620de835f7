/**
 * Markdown that is no task but a word on something that waits: `approve: <ask>`, `deny: <ask>`, `answer: <ask>` before
 * the first section, or in the front matter. Pure; whether there is such an ask is found out elsewhere.
 */
import type { WrittenReply } from '../core/ask.ts'
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'
import { parseYaml } from '../lib/yaml.ts'
import { at, isRecord, keyOf, type Located } from './keys.ts'
import type { Line, Outline } from './markdown.ts'

export type Order =
  | { kind: 'answer'; ask: string; reply: WrittenReply }
  /** Stop what this session does and let it begin again. */
  | { kind: 'take-over'; session: string }

const verbs = ['approve', 'deny', 'answer'] as const
type Verb = (typeof verbs)[number]

interface Header {
  verbs: { verb: Verb; located: Located }[]
  always: Located | null
  fresh: Located | null
  message: Located | null
  /** Lines of the text that are keys. */
  lines: Set<string>
}

const keyLine = /^(approve|deny|answer|always|fresh|message)[ \t]*:(?:[ \t]+(.*))?$/i
const messageCharsMax = 4_000

/** Null: it answers nothing, so it is read as a task. */
export function orderOf(outline: Outline): Result<Order> | null {
  const header = headerOf(outline)
  const [first, second] = header.verbs
  if (!first) return null
  const { verb, located } = first
  if (second) {
    const text = `It answers twice: "${verb}" and "${second.verb}".`
    return refuse({ kind: 'given-twice', text, todo: 'Write one file for each.', ...at(second.located.line) })
  }
  const work = outline.sections.find((section) => /^(goal|steps?|checks?|accept)/i.test(section.text))
  if (work) {
    const text = `It answers an ask ("${verb}") and describes a task ("## ${work.text}").`
    return refuse({ kind: 'mixed', text, todo: 'Write one file for each.', line: work.line })
  }
  const ask = unquoted(located.value)
  if (!/^[A-Za-z0-9_.-]{1,120}$/.test(ask)) {
    const todo = 'Write the id that the notification names, e.g. approve: per_0123.'
    return refuse({ kind: 'bad-value', text: `"${verb}" needs the id of what is asked.`, todo, ...at(located.line) })
  }
  const reply = replyOf(verb, header, outline)
  return reply.ok ? ok({ kind: 'answer', ask, reply: reply.value }) : reply
}

function replyOf(verb: Verb, header: Header, outline: Outline): Result<WrittenReply> {
  const stray = (['always', 'fresh', 'message'] as const).find((name) => header[name] && companions[name] !== verb)
  if (stray) {
    const todo = `"${stray}" goes with "${companions[stray]}".`
    return refuse({
      kind: 'bad-value',
      text: `"${stray}" means nothing with "${verb}".`,
      todo,
      ...at(header[stray]?.line),
    })
  }
  const rest = restOf(outline, header)
  if (verb === 'answer') return ok({ kind: 'answers', texts: rest })
  if (verb === 'deny') {
    const text = header.message ? unquoted(header.message.value) : rest.join('\n')
    return ok({ kind: 'reject', message: text.slice(0, messageCharsMax) || null })
  }
  return approvalOf(header)
}

const companions = { always: 'approve', fresh: 'approve', message: 'deny' } as const

function approvalOf(header: Header): Result<WrittenReply> {
  const said: ('always' | 'fresh')[] = []
  for (const name of ['always', 'fresh'] as const) {
    const located = header[name]
    const given = located === null ? false : yesNo(located.value)
    if (given === null) return refuse({ kind: 'bad-value', text: `"${name}" is true or false.`, ...at(located?.line) })
    if (given) said.push(name)
  }
  const [kind = 'once', another] = said
  if (another) return refuse({ kind: 'bad-value', text: '"always" and "fresh" do not go together.' })
  return ok({ kind })
}

/** What is left of the text, a line each, without the marks of lists. */
function restOf({ preamble, sections }: Outline, { lines }: Header): string[] {
  const text = [preamble, ...sections.map((section) => section.body)].join('\n')
  return text
    .split('\n')
    .map((line) => line.replace(/^\s*([-*+]|\d{1,3}[.)])\s+(\[[ xX]\]\s+)?/, '').trim())
    .filter((line) => line !== '' && !lines.has(line))
}

function headerOf(outline: Outline): Header {
  const header: Header = { verbs: [], always: null, fresh: null, message: null, lines: new Set() }
  if (outline.frontMatter) readFrontMatter(header, outline.frontMatter)
  for (const { text, line } of outline.header) {
    const match = keyLine.exec(text)
    if (!match?.[1]) continue
    const key = match[1].toLowerCase()
    const value = (match[2] ?? '').trim()
    // "Answer: it depends on the weather" is prose; an id is one word, and of questions one with a digit or a dash.
    if (/\s/.test(value) && key !== 'message') continue
    if (key === 'answer' && !/[\d_]/.test(value)) continue
    header.lines.add(text)
    note(header, key, { value, line })
  }
  // Without a verb they are words of a task.
  return header
}

function readFrontMatter(header: Header, block: Line): void {
  const parsed = parseYaml(block.text, { sizeBytesMax: 64 * 1024, firstLine: block.line })
  if (!parsed.ok || !isRecord(parsed.value.value)) return
  const { value, lineOf } = parsed.value
  for (const [key, given] of Object.entries(value as Record<string, unknown>)) {
    note(header, keyOf(key), { value: given, line: lineOf([key]) })
  }
}

function note(header: Header, key: string, located: Located): void {
  const verb = verbs.find((one) => one === key)
  if (verb) header.verbs.push({ verb, located })
  else if (key === 'always') header.always ??= located
  else if (key === 'fresh') header.fresh ??= located
  else if (key === 'message') header.message ??= located
}

const unquoted = (value: unknown): string =>
  String(value ?? '')
    .trim()
    .replace(/^(["'`])(.*)\1$/s, '$2')

const yesNo = (value: unknown): boolean | null =>
  ({ true: true, yes: true, false: false, no: false })[unquoted(value).toLowerCase()] ?? null

/** A dispatched text that had to be a task. */
export const notATask: Problem = {
  kind: 'not-a-task',
  text: 'This is an answer or a take-over, not a task.',
  todo: 'Drop it into the inbox, or send it to /api/inbox/trigger.',
}
