/** What dispatch needs to know of the checks that exist, made once from their array. Knows no checker by name. */
import { z } from 'zod'
import type { AnyChecker, CheckSpec } from '../core/check.ts'
import { ok, type Problem, refuse } from '../core/problem.ts'
import { taskSpecSchema } from '../core/spec.ts'
import type { Grammar } from './dispatch.ts'

/** A check by its name in the configuration: what sources may use that must not bring commands of their own. */
const named = z
  .strictObject({ kind: z.literal('named'), use: z.string().min(1).max(80), name: z.string().max(200).optional() })
  .meta({ id: 'NamedCheck', description: 'A check that the configuration defines under named_checks.' })

const namedLine = /^check:\s*(.+)$/is

type LineParser = (text: string) => { ok: true; value: CheckSpec } | { ok: false; problems: Problem[] }

/** The checks of a task: every checker's form, and `named`. */
export function checkUnion(checkers: readonly AnyChecker[]): z.ZodType<CheckSpec> {
  const members = [...checkers.map((checker) => checker.schema), named] as unknown as [typeof named, typeof named]
  return z.discriminatedUnion('kind', members) as unknown as z.ZodType<CheckSpec>
}

export function makeGrammar(checkers: readonly AnyChecker[], parseLine: LineParser): Grammar {
  const words = ['check', ...checkers.flatMap((checker) => checker.words)]
  const opening = new RegExp(`^(?:(?:${words.map(escaped).join('|')}):|(?:${spaced(words).join('|')})\\b)`, 'i')
  return {
    schema: taskSpecSchema(checkUnion(checkers)),
    isCheckLine: (text) => opening.test(text.trim()),
    parseCheckLine(text) {
      const use = namedLine.exec(text.trim())?.[1]?.trim()
      if (!use) return parseLine(text)
      return use.length <= 80
        ? ok({ kind: 'named', use })
        : refuse({ kind: 'bad-value', text: 'The name is too long.' })
    },
  }
}

const escaped = (word: string): string => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll(' ', '\\s+')
/** Words of two parts open a check without a colon: `git clean`. One that cannot match stands in where there are none. */
const spaced = (words: readonly string[]): string[] => {
  const found = words.filter((word) => word.includes(' ')).map(escaped)
  return found.length > 0 ? found : ['(?!)']
}
