/** One value of a JSON or YAML file, found by a small path (`$.a.b[0]`) and compared. No queries, no wildcards. */
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import type { Checker, CheckResult } from '../core/check.ts'
import { excerptCharsMax } from '../core/check.ts'
import { ok, type Result, reasonOf, refuse } from '../core/problem.ts'
import { excerptOf } from '../lib/excerpt.ts'
import { parseYaml } from '../lib/yaml.ts'
import { firstWord, nameField, pathField, quotedIfNeeded } from './fields.ts'
import { fail, failedToLook, pass, readTextInside } from './look.ts'

const jsonBytesMax = 4 * 1024 * 1024
const yamlBytesMax = 256 * 1024
const jsonDepthMax = 256

const fields = {
  name: nameField,
  path: pathField,
  /** Where in the document: `$.a.b[0]["odd key"]`; `$` is all of it. */
  at: z
    .string()
    .min(1)
    .max(1_000)
    .refine((at) => stepsOf(at) !== null, 'Write the place as $.a.b[0] or $["odd key"].'),
  /** Any JSON value. Without equals, min and max it is enough that something is there. */
  equals: z.json().optional(),
  min: z.number().optional(),
  max: z.number().optional(),
}

const jsonSchema = z
  .strictObject({ kind: z.literal('json_path'), ...fields })
  .meta({ id: 'CheckJsonPath', description: 'A value of a JSON file is there, equal to something, or in a range.' })
const yamlSchema = z
  .strictObject({ kind: z.literal('yaml_path'), ...fields })
  .meta({ id: 'CheckYamlPath', description: 'A value of a YAML file is there, equal to something, or in a range.' })

type Spec = z.output<typeof jsonSchema> | z.output<typeof yamlSchema>

export const jsonPath: Checker<'json_path', typeof jsonSchema> = {
  kind: 'json_path',
  schema: jsonSchema,
  words: ['json'],
  runsCommand: false,
  parseLine,
  describe: (spec) => `json: ${lineOf(spec)}`,
  async run(spec, context) {
    const read = await readTextInside(context, spec.path, jsonBytesMax)
    return read.ok ? judge(spec, read.value, parseJson(read.value.text)) : read.result
  },
}

export const yamlPath: Checker<'yaml_path', typeof yamlSchema> = {
  kind: 'yaml_path',
  schema: yamlSchema,
  words: ['yaml'],
  runsCommand: false,
  parseLine,
  describe: (spec) => `yaml: ${lineOf(spec)}`,
  async run(spec, context) {
    const read = await readTextInside(context, spec.path, yamlBytesMax)
    if (!read.ok) return read.result
    const parsed = parseYaml(read.value.text, { sizeBytesMax: yamlBytesMax, aliasesMax: 100 })
    return judge(spec, read.value, parsed.ok ? ok(parsed.value.value) : parsed)
  },
}

/** Keys of maps and indexes of lists, or null when it is not a path. */
export function stepsOf(at: string): (string | number)[] | null {
  const steps: (string | number)[] = []
  let rest = at.startsWith('$') ? at.slice(1) : `.${at}`
  while (rest !== '') {
    const match = /^(?:\.([^.[\]"'\s]+)|\[(\d{1,9})\]|\["([^"]*)"\]|\['([^']*)'\])/.exec(rest)
    if (!match) return null
    steps.push(match[2] === undefined ? (match[1] ?? match[3] ?? match[4] ?? '') : Number(match[2]))
    rest = rest.slice(match[0].length)
  }
  return steps
}

/** Own properties only, so that nothing of a prototype is ever "there". */
function valueAt(value: unknown, steps: readonly (string | number)[]): { value: unknown } | null {
  let here = value
  for (const step of steps) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, step)) return null
    if (Array.isArray(here) !== (typeof step === 'number')) return null
    here = (here as Record<string | number, unknown>)[step]
  }
  return { value: here }
}

function judge(spec: Spec, read: { sha256: string; bytes: Buffer }, parsed: Result<unknown>): CheckResult {
  const subject = `${spec.path} ${spec.at}`
  const seen = { subject, sha256: read.sha256, sizeBytes: read.bytes.length }
  if (!parsed.ok) {
    const [first] = parsed.problems
    const where = first?.line === undefined ? '' : ` (line ${first.line})`
    const summary = `${spec.path} cannot be read as a value: ${first?.text ?? ''}${where}`
    const isLimit = first?.kind.endsWith('too-large') || first?.kind.endsWith('too-deep')
    return isLimit ? failedToLook({ ...seen, summary }) : fail({ ...seen, summary })
  }
  const found = valueAt(parsed.value, stepsOf(spec.at) ?? [])
  if (!found) return fail({ ...seen, summary: `${spec.at} is not there; expected ${expectedOf(spec)}.` })
  const excerpt = excerptOf(JSON.stringify(found.value, null, 2) ?? String(found.value), excerptCharsMax)
  const shown = excerpt.length > 200 ? 'what the excerpt shows' : excerpt
  const evidence = { ...seen, excerpt, summary: `${spec.at} is ${shown}; expected ${expectedOf(spec)}.` }
  return isExpected(spec, found.value) ? pass(evidence) : fail(evidence)
}

function isExpected(spec: Spec, value: unknown): boolean {
  if (spec.equals !== undefined && !isDeepStrictEqual(value, spec.equals)) return false
  if (spec.min === undefined && spec.max === undefined) return true
  return typeof value === 'number' && value >= (spec.min ?? value) && value <= (spec.max ?? value)
}

const boundsOf = (spec: Spec): string =>
  [
    ...(spec.equals === undefined ? [] : [`== ${JSON.stringify(spec.equals)}`]),
    ...(spec.min === undefined ? [] : [`>= ${spec.min}`]),
    ...(spec.max === undefined ? [] : [`<= ${spec.max}`]),
  ].join(' ')

const expectedOf = (spec: Spec): string => boundsOf(spec) || 'any value'
const lineOf = (spec: Spec): string => `${quotedIfNeeded(spec.path)} ${spec.at} ${boundsOf(spec)}`.trimEnd()

function parseLine(line: string): Record<string, unknown> | string {
  const [path, rest] = firstWord(line)
  const match = /^(.+?)\s*(?:(==|>=|<=)\s*(\S.*))?$/s.exec(rest)
  if (!match) return 'Write a path and then a place, e.g. package.json $.version == "1.0".'
  const [, at, compare, wanted] = match
  if (!compare || wanted === undefined) return { path, at }
  // A bare word is a text; everything that reads as JSON is that value.
  const parsed = parseJson(wanted)
  const value = parsed.ok ? parsed.value : wanted
  if (compare === '==') return { path, at, equals: value }
  if (typeof value !== 'number') return `${compare} needs a number.`
  return { path, at, [compare === '>=' ? 'min' : 'max']: value }
}

function parseJson(text: string): Result<unknown> {
  if (depthOf(text) > jsonDepthMax) {
    return refuse({ kind: 'json-too-deep', text: `It is nested deeper than ${jsonDepthMax} levels.` })
  }
  try {
    return ok(JSON.parse(text))
  } catch (error) {
    return refuse({ kind: 'json-invalid', text: `${reasonOf(error).slice(0, 200)}.` })
  }
}

/** Deepest nesting of brackets outside strings. */
function depthOf(text: string): number {
  let [depth, deepest, inText] = [0, 0, false]
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (inText && code === 0x5c) i++
    else if (code === 0x22) inText = !inText
    else if (inText) continue
    else if (code === 0x5b || code === 0x7b) deepest = Math.max(deepest, ++depth)
    else if (code === 0x5d || code === 0x7d) depth--
  }
  return deepest
}
