/**
 * TaskSpec: what somebody asked for, whatever the way in. One zod schema; the JSON Schema that ships is made from it.
 */
import { z } from 'zod'
import type { CheckSpec } from './check.ts'
import { type HangPolicy, hangPolicies } from './diagnosis.ts'
import type { Problem } from './problem.ts'

export const titleCharsMax = 200
export const textCharsMax = 100_000
export const stepsMax = 100
export const checksMax = 100
export const afterMax = 50

export const isolations = ['none', 'worktree'] as const
/** `wait`: a person says what becomes of the worktree. */
export const verifiedEnds = ['wait', 'merge', 'keep', 'drop'] as const

export const limitsSchema = z
  .strictObject({
    minutes: z
      .number()
      .positive()
      .max(10_080)
      .optional()
      .describe('Of work on the task; time spent queued, paused or waiting does not count.'),
    attempts: z.number().int().min(1).max(50).optional().describe('Rounds from start to verdict.'),
    tool_calls: z.number().int().min(1).max(100_000).optional().describe('Of all attempts.'),
    tokens: z.number().int().min(1).optional().describe('In and out, of all attempts.'),
  })
  .meta({ id: 'Limits', description: 'Upper limits of a task; a breach pauses it and says why.' })

export interface Limits {
  minutes?: number | undefined
  attempts?: number | undefined
  tool_calls?: number | undefined
  tokens?: number | undefined
}

export interface Checkout {
  /** A line for bash that makes it ready, e.g. `npm ci`; absent: folders of installed packages are linked. */
  setup?: string | undefined
  /** Globs of files that git does not know and that belong there, e.g. `.env.test`. */
  include: string[]
  /** Folders at its top that are kept between two uses, e.g. `node_modules`. */
  keep: string[]
}

export const checkoutSchema = z
  .strictObject({
    setup: z.string().min(1).max(10_000).optional().describe('A line for bash that makes it ready, e.g. npm ci.'),
    include: z.array(z.string().min(1).max(500)).max(100).default([]).describe('Globs of files that git ignores.'),
    keep: z
      .array(z.string().regex(/^[\w.-]+$/, 'A folder at the top has a plain name'))
      .max(50)
      .default([])
      .describe('Folders at its top that are kept between two uses.'),
  })
  .meta({ id: 'Checkout', description: 'How the clean checkout is made in which commands are run again.' })

/**
 * `continue`: a person is asked, and the run goes on without the answer, which the agent hears when it comes. `wait`:
 * the run waits for it. `deny`: what needs a person is refused at once, with a word to the agent.
 */
export const askPolicies = ['continue', 'wait', 'deny'] as const
export type AskPolicy = (typeof askPolicies)[number]

/** Globs, or false for none at all. */
export const protectSchema = z.union([z.literal(false), z.array(z.string().min(1).max(500)).max(100)])
/** `auto`: for tasks that bring no check. */
export const projectChecks = ['auto', 'always', 'never'] as const
export type ProjectChecks = (typeof projectChecks)[number]

/** What becomes of a task whose work was cut off in the middle of a call that may have changed something. */
export const crashPolicies = ['continue', 'pause'] as const
export type CrashPolicy = (typeof crashPolicies)[number]

export interface StepSpec {
  title: string
  checks: CheckSpec[]
}

export interface SkillOfTask {
  name: string
  version?: number
  /** Of its file, as it was. */
  sha256: string
  /** Of the project that brings it; absent: it is the user's. */
  workspace?: string
}

export interface TaskSpec {
  title: string
  goal: string
  /** As written; made real and judged by the policy of its source before the task is accepted. */
  workspace?: string | undefined
  steps: StepSpec[]
  /** Plain words for the agent and the reader; they prove nothing by themselves. */
  acceptance: string[]
  checks: CheckSpec[]
  runtime?: string | undefined
  /** Profile (role) of the agent, e.g. `build`. */
  agent?: string | undefined
  /** Existing session to work in. */
  session?: string | undefined
  /** With `session`: stop what that session does before the prompt. */
  abort: boolean
  model?: string | undefined
  /** The only tools that the agent has, of those of its profile; absent: all of them. What is denied stays so. */
  tools?: string[] | undefined
  /** The skill whose run it is; nobody writes it into a task. */
  skill?: SkillOfTask | undefined
  /** What may be done when its session hangs; absent: the configuration's. */
  on_hang?: HangPolicy | undefined
  /** Permissions that are answered with "once" unasked: all of them, or those that a pattern (`bash git *`) covers. */
  auto_accept?: boolean | string[] | undefined
  /** Minutes after which an ask that nobody answered is denied; absent: those of the settings. */
  ask_deadline_minutes?: number | undefined
  /** Globs of further files that judge the work and are not its to change; false: nothing is protected. */
  protect?: string[] | false | undefined
  /** How the clean checkout of the result is made in which commands run again; false: they do not. */
  checkout?: Checkout | false | undefined
  /** Whether its session waits for a person; absent: the configuration's. */
  ask?: AskPolicy | undefined
  /** Absent: the configuration's. */
  after_crash?: CrashPolicy | undefined
  /** Tasks that must be verified first: as written an id or a title, as accepted always ids. */
  after?: string[] | undefined
  /** Whether checks that passed before the work began count for less; absent: the configuration's. */
  must_fail_first?: boolean | undefined
  /** Whether the project's own commands are checks; absent: the configuration's. */
  project_checks?: ProjectChecks | undefined
  /** Whether a model may propose checks for the acceptance lines; absent: the configuration's. */
  propose_checks?: boolean | undefined
  /** Whether the verdict is written into the commit of the agent; absent: the configuration's. */
  commit_trailer?: boolean | undefined
  /** Whether the agent waits until the checks have looked at what it begins from; absent: the configuration's. */
  wait_for_base?: boolean | undefined
  /** Whether the work is to change files; absent: by the words of the goal. */
  changes_files?: boolean | undefined
  /** `worktree`: it works in a git worktree and branch of its own; absent: the configuration's. */
  isolation?: (typeof isolations)[number] | undefined
  /** What becomes of its worktree by itself once it is plainly verified; absent: the configuration's. */
  when_verified?: (typeof verifiedEnds)[number] | undefined
  limits: Limits
  /** Minutes between two slow looks; a safety net, never the time until something is noticed. */
  check_interval_minutes?: number | undefined
}

/** The full schema, closed over the checks that exist. `check` is the discriminated union over `checks/index.ts`. */
export function taskSpecSchema(check: z.ZodType<CheckSpec>) {
  const checkList = z.array(check).max(checksMax)
  const step = z.union([
    z.string().min(1).max(textCharsMax),
    z.strictObject({ title: z.string().min(1).max(textCharsMax), checks: checkList.optional() }),
  ])
  return z
    .strictObject({
      title: z.string().trim().min(1).max(titleCharsMax),
      goal: z.string().trim().min(1).max(textCharsMax),
      workspace: z.string().trim().min(1).max(4096).optional(),
      steps: z
        .array(step)
        .max(stepsMax)
        .default([])
        .transform((list) =>
          list.map(
            (s): StepSpec =>
              typeof s === 'string' ? { title: s, checks: [] } : { title: s.title, checks: s.checks ?? [] },
          ),
        ),
      acceptance: z.array(z.string().min(1).max(textCharsMax)).max(stepsMax).default([]),
      checks: checkList.default([]),
      runtime: z
        .string()
        .regex(/^[a-z][a-z0-9-]*$/, 'A name has lower-case letters, digits and dashes')
        .max(40)
        .optional(),
      agent: z.string().min(1).max(80).optional(),
      session: z
        .string()
        .regex(/^[A-Za-z0-9_-]+$/, 'An id has letters, digits, dashes and underscores')
        .max(120)
        .optional(),
      abort: z.boolean().default(false),
      model: z.string().min(1).max(200).optional(),
      tools: z.array(z.string().min(1).max(60)).max(100).optional(),
      on_hang: z.enum(hangPolicies).optional(),
      auto_accept: z.union([z.boolean(), z.array(z.string().min(1).max(500)).max(100)]).optional(),
      ask_deadline_minutes: z.number().positive().max(10_080).optional(),
      ask: z.enum(askPolicies).optional(),
      after_crash: z.enum(crashPolicies).optional(),
      after: z.array(z.string().trim().min(1).max(titleCharsMax)).max(afterMax).optional(),
      must_fail_first: z.boolean().optional(),
      protect: protectSchema.optional(),
      checkout: z.union([z.literal(false), checkoutSchema]).optional(),
      project_checks: z.enum(projectChecks).optional(),
      propose_checks: z.boolean().optional(),
      commit_trailer: z.boolean().optional(),
      wait_for_base: z.boolean().optional(),
      changes_files: z.boolean().optional(),
      isolation: z.enum(isolations).optional(),
      when_verified: z.enum(verifiedEnds).optional(),
      limits: limitsSchema.default({}),
      check_interval_minutes: z.number().positive().max(1440).optional(),
    })
    .meta({ id: 'TaskSpec', description: 'A unit of work for a coding agent, with the checks that prove it.' })
}

/** Checks of the steps first, then those of the task, each with the step that brought it. */
export function flattenChecks(spec: TaskSpec): { spec: CheckSpec; step: number | null }[] {
  return [
    ...spec.steps.flatMap((step, index) => step.checks.map((check) => ({ spec: check, step: index }))),
    ...spec.checks.map((check) => ({ spec: check, step: null })),
  ]
}

/** A skill is a procedure that was written down once, to be run as a task with other values. */
export const parameterTypes = ['string', 'int', 'bool'] as const
export type ParameterType = (typeof parameterTypes)[number]
export type ParameterValue = string | number | boolean

export interface SkillParameter {
  name: string
  type: ParameterType
  required: boolean
  /** Null: none. */
  default: ParameterValue | null
  about: string
}

export interface SkillSection {
  title: string
  /** As written. */
  body: string
}

/** What a file says, in the order in which it says it. */
export interface Skill {
  title: string
  about: string
  version: number | null
  parameters: SkillParameter[]
  /** The only tools that the agent has in a run; null: those of its profile. */
  tools: string[] | null
  /** In the words of a task. */
  checks: unknown[]
  /** Further keys of a task. */
  task: Record<string, unknown>
  sections: SkillSection[]
  /** Everything behind the front matter. */
  body: string
}

/** Where a skill lies. Null: with the user; else in this project (real path). */
export interface SkillRef {
  name: string
  workspace: string | null
}

export interface SkillFile extends SkillRef {
  path: string
  /** It lies in a folder of ours; those of other programs are only read. */
  own: boolean
  text: string
  sha256: string
  /** Null: it cannot be run, and the problems say why. */
  skill: Skill | null
  problems: Problem[]
}

/** What a text would be as a skill. */
export type SkillRead = Pick<SkillFile, 'skill' | 'problems'>
