/** What dispatch needs to know of the checks that exist, made once from their array. Knows no checker by name. */
import { z } from 'zod'
import type { AnyChecker, CheckSpec } from '../core/check.ts'
import { ok, type Result, refuse } from '../core/problem.ts'
import { taskSpecSchema } from '../core/spec.ts'
import type { Grammar } from './dispatch.ts'

/** A check by its name in the configuration: what sources may use that must not bring commands of their own. */
const named = z
  .strictObject({ kind: z.literal('named'), use: z.string().min(1).max(80), name: z.string().max(200).optional() })
  .meta({ id: 'NamedCheck', description: 'A check that the configuration defines under named_checks.' })

const namedLine = /^check:\s*(.+)$/is

export interface CheckLines {
  parseCheckLine(text: string): Result<CheckSpec>
  isCheckLine(text: string): boolean
}

/** The checks of a task: every checker's form, and `named`. */
export function checkUnion(checkers: readonly AnyChecker[]): z.ZodType<CheckSpec> {
  const kinds = ['named', ...checkers.map((checker) => checker.kind)].join(', ')
  const members = [named, ...checkers.map((checker) => checker.schema)] as unknown as [typeof named, typeof named]
  return z.discriminatedUnion('kind', members, {
    error: (issue) =>
      issue.code === 'invalid_union' ? `There is no check of this kind. Known kinds: ${kinds}` : undefined,
  }) as unknown as z.ZodType<CheckSpec>
}

export function makeGrammar(checkers: readonly AnyChecker[], lines: CheckLines): Grammar {
  return {
    schema: taskSpecSchema(checkUnion(checkers)),
    isCheckLine: (text) => namedLine.test(text.trim()) || lines.isCheckLine(text),
    parseCheckLine(text) {
      const use = namedLine.exec(text.trim())?.[1]?.trim()
      if (!use) return lines.parseCheckLine(text)
      return use.length <= 80
        ? ok({ kind: 'named', use })
        : refuse({ kind: 'bad-value', text: 'The name is too long.' })
    },
  }
}
