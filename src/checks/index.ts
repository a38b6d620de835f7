/** Every checker, as an array. The union of their schemas and the one-line grammar derive from it. */
import { z } from 'zod'
import type { AnyChecker, Checker, CheckSpec } from '../core/check.ts'
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'
import { anyChange } from './any-change.ts'
import { checklist } from './checklist.ts'
import { command } from './command.ts'
import { unquoted } from './fields.ts'
import { fileAbsent } from './file-absent.ts'
import { fileChanged } from './file-changed.ts'
import { fileContains } from './file-contains.ts'
import { fileExists } from './file-exists.ts'
import { gitClean } from './git-clean.ts'
import { gitDiff } from './git-diff.ts'
import { globCount } from './glob-count.ts'
import { http } from './http.ts'
import { noWorse } from './no-worse.ts'
import { jsonPath, yamlPath } from './value-path.ts'

const all = [
  fileExists,
  fileAbsent,
  fileContains,
  fileChanged,
  globCount,
  jsonPath,
  yamlPath,
  checklist,
  command,
  noWorse,
  gitClean,
  gitDiff,
  anyChange,
  http,
] as const

/** Its own types closed over: a spec that reaches `run` was parsed by the union below. */
function closed(checker: Checker): AnyChecker {
  return {
    kind: checker.kind,
    schema: checker.schema,
    words: checker.words,
    runsCommand: checker.runsCommand,
    guards: checker.guards ?? false,
    compares: checker.compares ?? false,
    parseLine: (text) => checker.parseLine(text),
    describe: (spec) => checker.describe(spec),
    baseline: (spec) => checker.baseline?.(spec) ?? [],
    run: (spec, context) => checker.run(spec, context),
  }
}

export const checkers: readonly AnyChecker[] = all.map((checker) => closed(checker))

const kinds = all.map((checker) => checker.kind).join(', ')

const schemas = all.map((checker) => checker.schema) as unknown as [z.ZodObject, ...z.ZodObject[]]

/**
 * Judges one check of any kind. Each member is strict and holds its own `kind`, which the cast says to the compiler.
 */
export const checkSchema = z.discriminatedUnion('kind', schemas, {
  error: (issue) =>
    issue.code === 'invalid_union' ? `There is no check of this kind. Known kinds: ${kinds}.` : undefined,
}) as unknown as z.ZodType<CheckSpec>

const byKind = new Map(checkers.map((checker) => [checker.kind, checker]))
const byWord = new Map(checkers.flatMap((checker) => [...checker.words, checker.kind].map((word) => [word, checker])))

export const checkerOf = (kind: string): AnyChecker | null => byKind.get(kind) ?? null

/** The name that its author gave it, else its one-line form. */
export const describeCheck = (spec: CheckSpec): string =>
  spec.name ?? checkerOf(spec.kind)?.describe(spec) ?? `unknown check ${spec.kind}`

/** The word that opens a line, up to a colon or the end, and what follows it. */
function openingOf(line: string): { checker: AnyChecker; rest: string } | null {
  const match = /^\s*([a-z_]+(?: [a-z]+)?)\s*(?::(.*))?$/is.exec(line)
  const checker = byWord.get(match?.[1]?.toLowerCase() ?? '')
  return match && checker ? { checker, rest: (match[2] ?? '').trim() } : null
}

/** Whether a line is meant as a check: it opens with the word of one and a colon, or is that word alone. */
export const isCheckLine = (text: string): boolean => openingOf(unquoted(text)) !== null

/** The one-line form that people write in markdown, e.g. `run: npm test` or `contains: README.md /retry/`. Pure. */
export function parseCheckLine(text: string): Result<CheckSpec> {
  const opening = openingOf(unquoted(text))
  if (!opening) {
    const words = checkers.map((checker) => `${checker.words[0]}:`).join(' ')
    const why = `"${text.trim().slice(0, 80)}" does not open with the word of a check.`
    return refuse({ kind: 'check-unknown', text: why, todo: `Begin with one of ${words}` })
  }
  const { checker, rest } = opening
  const fields = checker.parseLine(rest)
  if (typeof fields === 'string') return refuse({ kind: 'check-invalid', text: `${checker.words[0]}: ${fields}` })
  const parsed = checkSchema.safeParse({ kind: checker.kind, ...fields })
  if (parsed.success) return ok(parsed.data)
  return refuse(
    ...parsed.error.issues.map(
      (issue): Problem => ({ kind: 'check-invalid', text: `${checker.words[0]}: ${issue.message}` }),
    ),
  )
}
