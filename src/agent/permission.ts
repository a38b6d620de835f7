/** Which calls may run: ordered rules, the last that fits decides. It asks nobody and knows no layers. */
import { z } from 'zod'

export const ruleSchema = z
  .strictObject({
    tool: z.string().min(1).max(100).default('*').describe('Name of the tool; * and ? are wildcards.'),
    pattern: z.string().min(1).max(2_000).default('*').describe('Command, or path relative to the workspace.'),
    action: z.enum(['allow', 'deny', 'ask']),
  })
  .meta({ id: 'PermissionRule', description: 'The last rule that fits decides; without one a person is asked.' })

export type Rule = z.output<typeof ruleSchema>
export type Decision = Rule['action']

/** For unattended work: everything inside the workspace, as far as the tools reach. */
export const defaultRules: readonly Rule[] = [{ tool: '*', pattern: '*', action: 'allow' }]

export function decide(rules: readonly Rule[], tool: string, subject: string): Decision {
  return rules.findLast((rule) => fits(rule.tool, tool) && fits(rule.pattern, subject))?.action ?? 'ask'
}

/** What a pattern is compared with: the command, or the path as written; `*` for calls that have neither. */
export function subjectOf(input: unknown): { kind: 'command' | 'path' | 'none'; text: string } {
  const { command, file_path, path } = (input ?? {}) as Record<string, unknown>
  if (typeof command === 'string') return { kind: 'command', text: command }
  const where = file_path ?? path
  return typeof where === 'string' ? { kind: 'path', text: where } : { kind: 'none', text: '*' }
}

/** `*` any text, `?` one character. In linear steps back, never exponential. */
export function fits(pattern: string, text: string): boolean {
  let p = 0
  let t = 0
  let star = -1
  let mark = 0
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p++
      mark = t
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p++
      t++
    } else if (star >= 0) {
      p = star + 1
      t = ++mark
    } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}
