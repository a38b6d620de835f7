/**
 * A command fails in nothing that did not fail before the work. It guards and proves nothing: green before by nature.
 * What failed before is named and not blamed on the work; what cannot be told apart is an error, never a guess.
 */
import { z } from 'zod'
import {
  type Census,
  type CheckContext,
  type Checker,
  type CheckResult,
  type Evidence,
  excerptCharsMax,
} from '../core/check.ts'
import { excerptOf } from '../lib/excerpt.ts'
import { type Failures, failuresOf } from '../lib/failures.ts'
import type { CommandOutcome } from '../lib/process.ts'
import { nameField, pathField, unquoted } from './fields.ts'
import { aborted, fail, failedToLook, findInside, pass } from './look.ts'
import { Stdout } from './report.ts'
import { runForeign, withSandbox } from './spawn.ts'

/** All of it is read for names, so that it holds more than what is shown. */
const outputBytesMax = 2 * 1024 * 1024
/** What a shell answers for a program that it does not find. */
const notFound = 127
const namesShown = 20

const schema = z
  .strictObject({
    kind: z.literal('no_worse'),
    name: nameField,
    /** One line for bash. */
    run: z
      .string()
      .max(10_000)
      .refine((line) => line.trim() !== '' && !line.includes('\0'), 'A command is missing, or holds a NUL.'),
    /** Folder of the workspace in which it runs. */
    cwd: pathField.default('.'),
    timeout_seconds: z.number().positive().max(3600).default(300),
  })
  .meta({ id: 'CheckNoWorse', description: 'A command fails in nothing that did not fail before the work.' })

type Spec = z.output<typeof schema>

export const noWorse: Checker<'no_worse', typeof schema> = {
  kind: 'no_worse',
  schema,
  words: ['no worse'],
  runsCommand: true,
  guards: true,
  parseLine(text) {
    const run = /^`[^`]+`$/.test(text.trim()) ? unquoted(text) : text.trim()
    return run === '' ? 'A command is missing.' : { run }
  },
  describe: (spec) => `no worse: ${spec.run}${spec.cwd === '.' ? '' : ` (in ${spec.cwd})`}`,
  async run(spec, context) {
    const subject = spec.run
    const folder = await findInside(context, spec.cwd)
    if (!folder.ok) return folder.result
    if (!folder.value?.stat.isDirectory()) {
      return fail({ subject, summary: `The folder ${spec.cwd}, in which it should run, does not exist.` })
    }
    const stdout = new Stdout()
    const outcome = await runForeign(context, {
      argv: ['bash', '-c', spec.run],
      cwd: folder.value.real,
      // Test runners that watch, or ask a person, do not when they take this for a build server.
      env: { CI: 'true', ...context.env },
      timeoutMs: spec.timeout_seconds * 1000,
      outputBytesMax,
      onStdout: stdout.push,
    })
    const judged = withSandbox(judge(spec, outcome, context), outcome, context)
    return { ...judged, ...counted(outcome, stdout.census(context.workspace)) }
  },
}

/** A failing test that is gone is no failure any more: those that ran are counted, as for any command. */
const counted = ({ ended }: CommandOutcome, census: Census | null): Pick<CheckResult, 'census'> =>
  ended === 'exit' && census ? { census } : {}

function judge(spec: Spec, outcome: CommandOutcome, context: CheckContext): CheckResult {
  const { exitCode, sizeBytes } = outcome
  const seen: Omit<Evidence, 'summary'> = {
    subject: spec.run,
    excerpt: excerptOf(outcome.output, excerptCharsMax),
    sha256: outcome.sha256,
    sizeBytes,
    exitCode,
    facts: { durationMs: outcome.durationMs },
  }
  if (outcome.ended === 'aborted') return aborted(spec.run)
  if (outcome.ended === 'not-started') {
    return failedToLook({ ...seen, summary: `It could not be started: ${outcome.error}.` })
  }
  if (exitCode === 0) return pass({ ...seen, summary: 'It ended with 0: nothing fails.' })
  if (exitCode === notFound && context.before?.outcome !== 'pass') {
    return failedToLook({ ...seen, summary: 'It ended with 127: a program is missing.' })
  }
  const timedOut = `did not end within ${spec.timeout_seconds} s and was stopped`
  const how = outcome.ended === 'timeout' ? timedOut : endOf(outcome)
  const found = failuresOf(outcome.output, context.workspace)
  const whole = found.whole && sizeBytes <= outputBytesMax && outcome.ended === 'exit'
  return compare(seen, { how, failures: { ...found, whole } }, context.before)
}

const endOf = ({ exitCode, killedBy }: CommandOutcome): string =>
  exitCode === null ? `was killed by ${killedBy}` : `ended with ${exitCode}`

/** It fails now: is that more than before? */
function compare(
  seen: Omit<Evidence, 'summary'>,
  { how, failures }: { how: string; failures: Failures },
  before: CheckResult | null,
): CheckResult {
  const { names } = failures
  const facts = { ...seen.facts, failing: names }
  const now = { ...seen, facts }
  if (before === null) return fail({ ...now, summary: `It ${how}${named(names)}.` })
  if (before.outcome === 'error') {
    return failedToLook({ ...now, summary: `It ${how}, and could not be looked at before the work.` })
  }
  if (before.outcome === 'pass') {
    return fail({ ...now, summary: `It ${how}${named(names)}; before the work nothing failed.` })
  }
  const failedBefore = listOf(before.evidence.facts?.failing)
  const known = new Set(failedBefore)
  const fresh = names.filter((name) => !known.has(name))
  const old = names.filter((name) => known.has(name))
  const told = { ...seen, facts: { ...facts, new: fresh, failedBefore: old } }
  if (failedBefore.length === 0 || names.length === 0) {
    const summary = `It ${how}. It failed before the work too, and its output does not name what failed.`
    return failedToLook({ ...now, summary })
  }
  if (fresh.length > 0) {
    return fail({ ...told, summary: `New failures${named(fresh)}. ${blameless(old)}`.trim() })
  }
  if (!failures.whole || before.evidence.exitCode !== seen.exitCode) {
    return failedToLook({ ...told, summary: `It ${how}, in another way than before: nobody can say what is new.` })
  }
  return pass({ ...told, summary: `No new failures. ${blameless(old)}` })
}

const listOf = (fact: unknown): string[] => (Array.isArray(fact) ? fact.map(String) : [])

/** A name that came more than once is said once. */
function named(found: readonly string[]): string {
  const names = [...new Set(found.map((name) => name.replace(/ \(\d+\)$/, '')))]
  if (names.length === 0) return ''
  const more = names.length > namesShown ? ` and ${names.length - namesShown} more` : ''
  return `: ${names.slice(0, namesShown).join('; ')}${more}`
}

const blameless = (names: readonly string[]): string =>
  names.length === 0 ? '' : `These were failing before and are not blamed on the work${named(names)}.`
