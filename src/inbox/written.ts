/** The keys that people may write for a task, in all their spellings: a schema for editors, not the judge. */
import { z } from 'zod'
import type { CheckSpec } from '../core/check.ts'
import { hangPolicies } from '../core/diagnosis.ts'
import {
  askPolicies,
  checkoutSchema,
  crashPolicies,
  isolations,
  limitsSchema,
  projectChecks,
  verifiedEnds,
} from '../core/spec.ts'

export function writtenTask(check: z.ZodType<CheckSpec>) {
  const text = z.string().min(1)
  const autoAccept = z.union([z.boolean(), z.array(text)])
  const line = text.describe('One-line form, e.g. "run: npm test".')
  const checks = z.array(z.union([line, check, z.record(z.string(), z.string())]))
  const step = z.strictObject({
    title: text.optional(),
    name: text.optional(),
    acceptance: z.array(text).optional(),
    checks: checks.optional(),
  })
  return z.strictObject({
    title: text.optional(),
    name: text.optional().describe('The same as title.'),
    goal: text.describe('What is to be done.'),
    workspace: text.optional().describe('Folder to work in; ~ and relative paths are understood.'),
    steps: z.array(z.union([text, step])).optional(),
    acceptance: z.array(text).optional().describe('Plain words; they prove nothing by themselves.'),
    checks: checks.optional().describe('What proves it; see docs/guide/checks.md.'),
    runtime: text.optional(),
    agent: text.optional(),
    model: text.optional(),
    tools: z
      .union([text, z.array(text)])
      .optional()
      .describe('The only tools that the agent has.'),
    session: text.optional(),
    abort: z.boolean().optional(),
    must_fail_first: z.boolean().optional().describe('Whether checks that passed before the work count for less.'),
    protect: z
      .union([text, z.literal(false), z.array(text)])
      .optional()
      .describe('Globs of further files that judge the work; none: nothing is protected.'),
    checkout: z
      .union([z.literal('none'), z.literal(false), checkoutSchema])
      .optional()
      .describe('How the clean checkout is made in which commands are run again; none: they are not.'),
    isolation: z.enum(isolations).optional().describe('worktree: in a git worktree and branch of its own.'),
    when_verified: z.enum(verifiedEnds).optional().describe('What becomes of its worktree once it is verified.'),
    project_checks: z.enum(projectChecks).optional().describe("Whether the project's own tests are checks."),
    wait_for_base: z.boolean().optional().describe('Whether the agent waits for the look of the checks before it.'),
    commit_trailer: z.boolean().optional().describe('Whether the verdict is written into the commit of the agent.'),
    propose_checks: z.boolean().optional().describe('Whether a model may propose checks for the acceptance.'),
    changes_files: z.boolean().optional().describe('Whether the work is to change files.'),
    after: z
      .union([text, z.array(text)])
      .optional()
      .describe('Tasks that must be verified first, by id or title.'),
    limits: limitsSchema.optional(),
    check_interval_minutes: z.number().positive().optional(),
    check_interval: z.union([z.string(), z.number()]).optional().describe('5m, 300s or minutes.'),
    check_interval_seconds: z.number().positive().optional(),
    max_tokens: z.number().int().positive().optional(),
    max_attempts: z.number().int().positive().optional(),
    initial_prompt: text.optional().describe('The same as goal.'),
    cwd: text.optional().describe('The same as workspace.'),
    session_id: text.optional(),
    abort_session: z.boolean().optional(),
    global_acceptance: z.array(text).optional(),
    step_acceptance: z.array(z.array(text)).optional(),
    mode: z.literal('normal').optional(),
    on_hang: z.enum(hangPolicies).optional().describe('What may be done when its session hangs.'),
    auto_accept: autoAccept.optional().describe('Permissions answered unasked: all, or by pattern. Dangerous.'),
    auto_accept_permissions: autoAccept.optional().describe('The same as auto_accept.'),
    ask: z.enum(askPolicies).optional().describe('deny: what needs a person is refused at once.'),
    after_crash: z.enum(crashPolicies).optional().describe('pause: a person looks where an outcome is unknown.'),
    ask_deadline_minutes: z.number().positive().optional().describe('An ask that nobody answers is denied then.'),
    max_runtime_minutes: z.number().positive().optional(),
  })
}
