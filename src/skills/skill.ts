/**
 * The text of a skill as what it says. Pure; it changes no byte that it is not asked to, and what it does not know it
 * leaves to others.
 */
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'
import type { Skill } from '../core/spec.ts'
import { parseYaml } from '../lib/yaml.ts'
import { putYaml } from '../lib/yaml-edit.ts'
import type { Outline } from './outline.ts'
import { parametersFrom } from './parameters.ts'

export const skillBytesMax = 64 * 1024
const frontBytesMax = 8 * 1024
const aboutCharsMax = 300
const checksMax = 100
const toolsMax = 100

/** Keys of a task that a skill may set for its runs. */
const taskKeys = [
  ...['acceptance', 'agent', 'ask', 'changes_files', 'checkout', 'isolation', 'limits', 'model', 'must_fail_first'],
  ...['after_crash', 'project_checks', 'protect', 'runtime', 'wait_for_base', 'when_verified', 'workspace'],
]

const frontPattern = /^---[ \t]*\r?\n((?:[^\n]*\n)*?)---[ \t]*\r?(?:\n|$)/

type Keys = Record<string, unknown>
type LineOf = (path: readonly PropertyKey[]) => number | undefined

/** All but what its sections say, without a look at their structure: cheap, whatever the text holds. */
export function readFront(text: string, name: string): Result<Skill> {
  if (Buffer.byteLength(text) > skillBytesMax) return refuse(tooLarge)
  const [whole = '', front = ''] = frontPattern.exec(text) ?? []
  const body = text.slice(whole.length).replaceAll('\r\n', '\n').trim()
  const parsed = parseYaml(front.replace(/\n$/, ''), { sizeBytesMax: frontBytesMax, firstLine: 2 })
  if (!parsed.ok) return parsed
  const keys = (parsed.value.value ?? {}) as Keys
  if (typeof keys !== 'object' || Array.isArray(keys)) return refuse(noKeys)
  if (body === '') return refuse(empty)
  const problems: Problem[] = []
  const { lineOf } = parsed.value
  const parameters = parametersFrom(keys.parameters, { lineOf, problems })
  const tools = toolsFrom(keys.required_tools, lineOf, problems)
  const checks = keys.checks ?? []
  if (!Array.isArray(checks)) problems.push(badKey('checks', 'It is a list.', lineOf(['checks'])))
  if (problems.length > 0) return refuse(...problems.slice(0, 20))
  return ok({
    title: textOf(keys.name) || name,
    about: (textOf(keys.description) || firstWords(body)).slice(0, aboutCharsMax),
    version: typeof keys.version === 'number' ? keys.version : null,
    parameters,
    tools,
    checks: Array.isArray(checks) ? checks.slice(0, checksMax) : [],
    task: Object.fromEntries(Object.entries(keys).filter(([key]) => taskKeys.includes(key))),
    sections: [],
    body,
  })
}

/** With its sections; items below "Verification" that are checks in the words of a task are checks of the skill. */
export function withOutline(front: Skill, outline: Outline, isCheckLine: (text: string) => boolean): Skill {
  const lines = outline.verifying.filter((line) => isCheckLine(line))
  return { ...front, sections: outline.sections, checks: [...front.checks, ...lines].slice(0, checksMax) }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value.replace(/\s+/g, ' ').trim() : '')

/** The first line of prose, below "Goal" where there is that. */
function firstWords(body: string): string {
  const lines = body.split('\n')
  const goal = lines.findIndex((line) => /^##?[ \t]+goal:?[ \t]*$/i.test(line))
  const prose = lines.slice(goal + 1).find((line) => /[\p{L}\p{N}]/u.test(line) && !/^[#`~]/.test(line))
  return prose?.trim() ?? ''
}

/** A list of names, or of `{ name, … }`. No word on tools leaves them as they are; an empty list takes all away. */
function toolsFrom(given: unknown, lineOf: LineOf, problems: Problem[]): string[] | null {
  if (given === undefined || given === null) return null
  const list = Array.isArray(given) ? given : []
  const names = list.map((one: unknown) =>
    typeof one === 'object' && one !== null && 'name' in one ? (one as { name: unknown }).name : one,
  )
  const bad = names.findIndex((one) => typeof one !== 'string' || !/^[\w-]{1,60}$/.test(one))
  if (!Array.isArray(given) || bad >= 0 || names.length > toolsMax) {
    const line = lineOf(bad >= 0 ? ['required_tools', bad] : ['required_tools'])
    problems.push(badKey('required_tools', 'It is a list of names of tools, e.g. [read, bash].', line))
    return null
  }
  return names as string[]
}

/** With another name, where it has one in the front matter; every other byte stays. */
export function renamed(text: string, name: string): string {
  const front = frontPattern.exec(text)?.[1]
  if (!front || !/^name[ \t]*:/m.test(front)) return text
  const at = text.indexOf('\n') + 1
  return text.slice(0, at) + putYaml(front, ['name'], name) + text.slice(at + front.length)
}

const at = (line: number | undefined): { line?: number } => (line === undefined ? {} : { line })

const badKey = (key: string, todo: string, line: number | undefined): Problem => ({
  kind: 'bad-skill',
  text: `"${key}" cannot be read.`,
  todo,
  ...at(line),
})

const tooLarge: Problem = {
  kind: 'bad-skill',
  text: `It is larger than a skill may be (${skillBytesMax / 1024} kB).`,
  todo: 'Put the long part into a file of the project and name it.',
}
export const tooTangled: Problem = {
  kind: 'bad-skill',
  text: 'Its lists and sections are more tangled than can be read.',
  todo: 'Write it flatter, or shorter.',
}
const noKeys: Problem = {
  kind: 'bad-skill',
  text: 'The front matter is not a set of keys.',
  todo: 'Write `key: value` lines between the dashes.',
  line: 1,
}
const empty: Problem = {
  kind: 'bad-skill',
  text: 'It does not say what is to be done.',
  todo: 'Write a section `# Goal`, and `# Procedure` with the steps.',
}
