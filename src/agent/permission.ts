/** Which calls may run: ordered rules, the last that fits decides. It asks nobody and knows no layers. */
import { z } from 'zod'
import { fits } from '../lib/wildcard.ts'

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
