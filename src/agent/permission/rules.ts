/** What a person may write about calls, and what one list of such rules says of one thing that a call does. Pure. */
import { z } from 'zod'
import { fits } from '../../lib/wildcard.ts'
import { type Match, matchLine, matchPath } from './match.ts'
import type { Facet } from './subjects.ts'

const wildcard = z.string().min(1).max(2_000)

export const ruleSchema = z
  .strictObject({
    tool: z.string().min(1).max(100).default('*').describe('Name of the tool; * and ? are wildcards.'),
    path: z.string().min(1).max(500).optional().describe('Paths, as in .gitignore, from the top of the workspace.'),
    command: wildcard.optional().describe('A command of a shell line; * and ? are wildcards.'),
    profile: z.string().min(1).max(80).optional().describe('Only for this role of the agent.'),
    pattern: wildcard
      .optional()
      .describe('A command, or a path in which * crosses folders; path and command say more.'),
    action: z.enum(['allow', 'deny', 'ask']),
  })
  .meta({ id: 'PermissionRule', description: 'The last rule that fits decides; without one a person is asked.' })

export const rulesSchema = z.array(ruleSchema).max(1_000)

export type Rule = z.output<typeof ruleSchema>
export type Action = Rule['action']

/** For unattended work: everything inside the workspace, as far as the tools reach. */
export const defaultRules: readonly Rule[] = [{ tool: '*', action: 'allow' }]

const rank: Readonly<Record<Action, number>> = { allow: 0, ask: 1, deny: 2 }
export const strictest = (one: Action, other: Action): Action => (rank[one] >= rank[other] ? one : other)

const least = (one: Match, other: Match): Match => (one === 'no' || other === 'yes' ? one : other)
const most = (matches: readonly Match[]): Match =>
  matches.includes('yes') ? 'yes' : matches.includes('maybe') ? 'maybe' : 'no'

/** The rule says something of this very thing, not only of its tool. */
const isNarrow = ({ path, command, pattern }: Rule): boolean =>
  path !== undefined || command !== undefined || (pattern !== undefined && pattern !== '*')

export interface Call {
  tool: string
  profile: string | null
}

/** Whatever the call is about: no rule behind the deny lets a part of them through. */
export function deniesAll(rules: readonly Rule[], { tool, profile }: Call): boolean {
  const own = rules.filter((rule) => fits(rule.tool, tool) && fits(rule.profile ?? '*', profile ?? ''))
  const last = own.findLast((rule) => rule.action !== 'deny' || !isNarrow(rule))
  return last?.action === 'deny'
}

/** What the list says, null when nothing of it fits. A doubt whether a rule fits can forbid and never permit. */
export function saidBy(rules: readonly Rule[], call: Call, facet: Facet): Action | null {
  let doubt: Action | null = null
  // A redirection is what the tool `write` or `read` would do; of the shell's rules those that name it hold as well.
  const acting = facet.line !== null && facet.kind !== 'command' ? facet.kind : call.tool
  for (const rule of rules.toReversed()) {
    const isFor = fits(rule.tool, acting) || (fits(rule.tool, call.tool) && isNarrow(rule))
    if (!isFor || (rule.profile !== undefined && !fits(rule.profile, call.profile ?? ''))) continue
    if (facet.transparent && (rule.action === 'allow' || !isNarrow(rule))) continue
    const match = matchRule(rule, facet)
    if (match === 'yes') return doubt === null ? rule.action : strictest(doubt, rule.action)
    if (match === 'maybe' && rule.action !== 'allow') {
      doubt = doubt === null ? rule.action : strictest(doubt, rule.action)
    }
  }
  return doubt
}

function matchRule(rule: Rule, facet: Facet): Match {
  const { path, command, pattern, action } = rule
  const isExact = action === 'allow' && facet.line !== null && [command, pattern].includes(facet.line)
  // Written out, wildcards and all: whoever wrote it saw what it runs.
  if (isExact && path === undefined && !/[*?]/.test(facet.line ?? '')) return 'yes'
  const texts = action === 'allow' ? facet.texts.slice(0, 1) : facet.texts
  const lineMatch = (wanted: string) => most(texts.map((text) => matchLine(wanted, text)))
  let match: Match = 'yes'
  if (pattern !== undefined) match = least(match, lineMatch(pattern))
  if (command !== undefined) match = least(match, facet.kind === 'command' ? lineMatch(command) : 'no')
  if (path !== undefined) match = least(match, pathMatch(rule, path, facet))
  return match
}

/** Every path that a command names may be what a rule forbids; to permit by path, it must name none beside. */
function pathMatch({ action, command }: Rule, glob: string, { kind, paths, perhaps, from }: Facet): Match {
  const matches = paths.map((path) => matchPath(glob, path, from))
  if (action !== 'allow') return most([...matches, ...perhaps.map((path) => matchPath(glob, path, from))])
  if (kind === 'command' && command === undefined) return 'no'
  return matches.length > 0 && matches.every((match) => match === 'yes') ? 'yes' : 'no'
}
