/**
 * The parameters of a skill: read from its front matter, judged when values come, and put into its words. Pure. Nothing
 * is guessed: a value of another type is refused before anything is done.
 */
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'
import { type ParameterType, type ParameterValue, parameterTypes, type SkillParameter } from '../core/spec.ts'
import { nearest } from '../lib/nearest.ts'

const parametersMax = 50
const valueCharsMax = 10_000
const namePattern = /^[A-Za-z_][\w-]{0,39}$/

const typeNames = new Map<unknown, ParameterType>([
  ...parameterTypes.map((type) => [type, type] as const),
  ...([['str', 'string'] as const, ['text', 'string'], ['integer', 'int'], ['boolean', 'bool']] as const),
])

interface From {
  lineOf(path: readonly PropertyKey[]): number | undefined
  problems: Problem[]
}

export function parametersFrom(given: unknown, { lineOf, problems }: From): SkillParameter[] {
  if (given === undefined || given === null) return []
  const say = (text: string, todo: string, path: readonly PropertyKey[]) => {
    const line = lineOf(path)
    problems.push({ kind: 'bad-skill', text, todo, ...(line === undefined ? {} : { line }) })
    return []
  }
  const form = 'Write e.g. `- { name: target, type: string, required: true }`.'
  if (!Array.isArray(given)) return say('"parameters" is not a list.', form, ['parameters'])
  if (given.length > parametersMax) return say(`It has more than ${parametersMax} parameters.`, form, ['parameters'])
  const seen = new Set<string>()
  return given.flatMap((one: unknown, index) => {
    const path = ['parameters', index]
    if (typeof one !== 'object' || one === null) return say('A parameter is not a set of keys.', form, path)
    const { name, type = 'string', required, default: fallback = null, description, about } = one as Given
    if (typeof name !== 'string' || !namePattern.test(name)) return say('A parameter has no usable name.', form, path)
    if (seen.has(name)) return say(`The parameter "${name}" is there twice.`, 'Keep one of them.', path)
    seen.add(name)
    const known = typeNames.get(type)
    const types = `One of: ${parameterTypes.join(', ')}.`
    if (!known) return say(`The parameter "${name}" has an unknown type.`, types, [...path, 'type'])
    const value = fallback === null ? null : asType(known, fallback)
    if (value === undefined) return say(`The default of "${name}" is no ${known}.`, 'Correct it.', [...path, 'default'])
    const words = [description, about].find((text) => typeof text === 'string') ?? ''
    const isRequired = required === true || (required === undefined && value === null)
    return [{ name, type: known, required: isRequired, default: value, about: String(words) }]
  })
}

interface Given {
  name?: unknown
  type?: unknown
  required?: unknown
  default?: unknown
  description?: unknown
  about?: unknown
}

const [yes, no] = [
  ['true', 'yes', '1'],
  ['false', 'no', '0'],
]

/** Undefined: it is none of this type. A command line brings everything as text. */
export function asType(type: ParameterType, given: unknown): ParameterValue | undefined {
  if (type === 'string') return typeof given === 'string' ? given : undefined
  if (type === 'bool') return truthOf(String(given).toLowerCase())
  const number = typeof given === 'string' && /^-?\d{1,15}$/.test(given.trim()) ? Number(given) : given
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined
}

const truthOf = (word: string): boolean | undefined =>
  yes.includes(word) ? true : no.includes(word) ? false : undefined

/** Null: it was not given, and there is no default. */
export type Values = Record<string, ParameterValue | null>

export function judgeValues(parameters: readonly SkillParameter[], given: Record<string, unknown>): Result<Values> {
  const problems: Problem[] = []
  const names = parameters.map(({ name }) => name)
  for (const name of Object.keys(given)) {
    if (names.includes(name)) continue
    const near = nearest(name, names)
    const todo = near ? `Did you mean "${near}"?` : names.length > 0 ? `It has: ${names.join(', ')}.` : 'It has none.'
    problems.push({ kind: 'parameter-unknown', text: `The skill has no parameter "${name.slice(0, 60)}".`, todo })
  }
  const values = parameters.map(({ name, type, required, default: fallback }) => {
    const raw = Object.hasOwn(given, name) ? given[name] : undefined
    const isGiven = raw !== undefined && raw !== null && !(raw === '' && type !== 'string')
    const value = isGiven ? asType(type, raw) : fallback
    if (value === undefined || (typeof value === 'string' && value.length > valueCharsMax)) {
      problems.push({ kind: 'parameter-bad', text: `"${name}" must be ${kinds[type]}.` })
    } else if (required && (value === null || value === '')) {
      problems.push({ kind: 'parameter-missing', text: `The parameter "${name}" is missing.`, todo: `Give "${name}".` })
    }
    return [name, value ?? null] as const
  })
  return problems.length > 0 ? refuse(...problems) : ok(Object.fromEntries(values))
}

const kinds: Record<ParameterType, string> = {
  string: `a text of at most ${valueCharsMax} characters`,
  int: 'a whole number',
  bool: 'true or false',
}

const holes = /\{\{[ \t]*([A-Za-z_][\w-]*)[ \t]*\}\}|\$\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)/g

/** `{{name}}`, `${name}` and `$name` of parameters; other dollars stay. Each that was put in is noted. */
export function fill(text: string, values: Values, used: Set<string>): string {
  return text.replace(holes, (whole: string, ...found: (string | undefined)[]) => {
    const name = found.slice(0, 3).find((one) => one !== undefined) ?? ''
    if (!Object.hasOwn(values, name)) return whole
    used.add(name)
    return String(values[name] ?? '')
  })
}

/** What may stand in a check without changing what it does: no blank, no quote, nothing that a shell reads. */
const plain = /^[\w./@:+][\w./@:+-]*$/

/** `{{name}}` in all texts of a check; dollars are the shell's there. */
export function fillCheck(check: unknown, values: Values, problems: Problem[]): unknown {
  if (typeof check === 'string') {
    return check.replace(/\{\{[ \t]*([A-Za-z_][\w-]*)[ \t]*\}\}/g, (whole, name: string) => {
      if (!Object.hasOwn(values, name)) return whole
      const value = String(values[name] ?? '')
      if (!plain.test(value) || value.split('/').includes('..')) problems.push(notPlain(name))
      return value
    })
  }
  if (Array.isArray(check)) return check.map((one) => fillCheck(one, values, problems))
  if (typeof check !== 'object' || check === null) return check
  return Object.fromEntries(Object.entries(check).map(([key, one]) => [key, fillCheck(one, values, problems)]))
}

const notPlain = (name: string): Problem => ({
  kind: 'parameter-bad',
  text: `"${name}" stands in a check, so it may have letters, digits and . / @ : + - _ only, and no "..".`,
})
