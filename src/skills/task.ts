/** A skill and its values as the fields of a task, which the one grammar of tasks then judges. Pure. */
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'
import type { Skill } from '../core/spec.ts'
import { titleCharsMax } from '../core/spec.ts'
import { fill, fillCheck, judgeValues, type Values } from './parameters.ts'

/** Nobody is asked while it runs, unless it says so itself. */
const defaults = { ask: 'deny' }
const shownCharsMax = 40

export interface Run {
  /** Of the skill's file, for the agent. */
  path: string
  given: Record<string, unknown>
  /** Absent: as the skill or the settings say. */
  workspace?: string | undefined
}

/** `workspace`, where the person says one, stands above that of the skill. */
export function taskOf(skill: Skill, { path, given, workspace }: Run): Result<Record<string, unknown>> {
  const judged = judgeValues(skill.parameters, given)
  if (!judged.ok) return judged
  const values = judged.value
  const problems: Problem[] = []
  const checks = skill.checks.map((check) => fillCheck(check, values, problems))
  if (problems.length > 0) return refuse(...problems)
  return ok({
    ...defaults,
    ...skill.task,
    title: titleOf(skill, values),
    goal: goalOf(skill, values, path),
    ...(checks.length > 0 ? { checks } : {}),
    ...(skill.tools ? { tools: skill.tools } : {}),
    ...(workspace === undefined ? {} : { workspace }),
  })
}

/** Without the values of the parameters: what is wrong with it whatever they are. */
export function draftOf(skill: Skill): Record<string, unknown> {
  const { task, checks, tools, title, body } = skill
  return { ...defaults, ...task, title, goal: body, checks, ...(tools ? { tools } : {}) }
}

/** With what differs from the usual. */
function titleOf({ title, parameters }: Skill, values: Values): string {
  const usual = new Map(parameters.map(({ name, default: fallback }) => [name, fallback]))
  const said = Object.entries(values).flatMap(([name, value]) => {
    if (value === null || value === usual.get(name)) return []
    const text = String(value).replace(/\s+/g, ' ')
    return [`${name}=${text.length > shownCharsMax ? `${text.slice(0, shownCharsMax)}…` : text}`]
  })
  const whole = said.length > 0 ? `${title} (${said.join(', ')})` : title
  return whole.length > titleCharsMax ? `${whole.slice(0, titleCharsMax - 1)}…` : whole
}

function goalOf({ title, body }: Skill, values: Values, path: string): string {
  const used = new Set<string>()
  const text = fill(body, values, used)
  const rest = Object.entries(values).filter(([name, value]) => !used.has(name) && value !== null)
  const beside =
    rest.length > 0 ? `\n\nParameters:\n${rest.map(([name, value]) => `- ${name}: ${value}`).join('\n')}` : ''
  return `Follow the skill "${title}" (${path}).\n\n${text}${beside}`
}
