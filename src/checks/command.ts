/** A command ends with the expected exit code. Its output is evidence, never a judge. */
import { constants } from 'node:os'
import { z } from 'zod'
import type { Census, CheckContext, Checker, CheckResult, Evidence } from '../core/check.ts'
import { excerptCharsMax } from '../core/check.ts'
import { excerptOf } from '../lib/excerpt.ts'
import type { CommandOutcome } from '../lib/process.ts'
import { globField, nameField, pathField, unquoted } from './fields.ts'
import { aborted, fail, failedToLook, findInside, pass } from './look.ts'
import { beforeReport, type Report, readReports, Stdout } from './report.ts'
import { runForeign, withSandbox } from './spawn.ts'

const outputBytesMax = 64 * 1024
/** What a shell answers for a program that it does not find. */
const notFound = 127

const word = z
  .string()
  .max(10_000)
  .refine((text) => !text.includes('\0'), 'A command holds no NUL.')

const schema = z
  .strictObject({
    kind: z.literal('command'),
    name: nameField,
    /** One line for bash, or a program and its arguments, which no shell sees. */
    run: z.union([
      word.refine((line) => line.trim() !== '', 'A command is missing.'),
      z.tuple([word.min(1)], word).refine((argv) => argv.length <= 200, 'More than 200 arguments.'),
    ]),
    /** Folder of the workspace in which it runs. */
    cwd: pathField.default('.'),
    exit_code: z.number().int().min(0).max(255).default(0),
    timeout_seconds: z.number().positive().max(3600).default(300),
    /** Where in the workspace it writes what became of its tests; absent: its stdout is looked at. */
    report: globField.optional(),
    /** How often a failure is tried again on the same files; absent: never. */
    retries: z.number().int().min(0).max(5).optional(),
  })
  .meta({ id: 'CheckCommand', description: 'A command ends with the expected exit code.' })

type Spec = z.output<typeof schema>

export const command: Checker<'command', typeof schema> = {
  kind: 'command',
  schema,
  words: ['run', 'command'],
  runsCommand: true,
  parseLine(text) {
    const run = /^`[^`]+`$/.test(text.trim()) ? unquoted(text) : text.trim()
    return run === '' ? 'A command is missing.' : { run }
  },
  describe: (spec) =>
    `run: ${lineOf(spec.run)}${spec.exit_code === 0 ? '' : ` (exit code ${spec.exit_code})`}${
      spec.cwd === '.' ? '' : ` (in ${spec.cwd})`
    }${spec.report === undefined ? '' : ` (report: ${spec.report})`}`,
  async run(spec, context) {
    const subject = lineOf(spec.run)
    const folder = await findInside(context, spec.cwd)
    if (!folder.ok) return folder.result
    if (!folder.value?.stat.isDirectory()) {
      return fail({ subject, summary: `The folder ${spec.cwd}, in which it should run, does not exist.` })
    }
    return repeated(spec.retries ?? 0, () => runOnce(spec, folder.value?.real ?? '', context))
  },
}

/** A failure is tried again on the same files; the first pass ends it, and tells of the failures before it. */
async function repeated(retries: number, once: () => Promise<CheckResult>): Promise<CheckResult> {
  for (let failed = 0; ; failed++) {
    const result = await once()
    const runs = failed + 1
    if (result.outcome === 'pass' && failed > 0) {
      const summary = `${result.evidence.summary} It failed ${failed} of ${runs} times on the same files.`
      return { ...result, evidence: { ...result.evidence, summary }, flaky: { runs, failed } }
    }
    if (result.outcome !== 'fail' || failed === retries) return result
  }
}

async function runOnce(spec: Spec, cwd: string, context: CheckContext): Promise<CheckResult> {
  const argv: [string, ...string[]] = typeof spec.run === 'string' ? ['bash', '-c', spec.run] : spec.run
  const timeoutMs = spec.timeout_seconds * 1000
  const before = spec.report === undefined ? null : await beforeReport(spec.report, context)
  const stdout = new Stdout()
  const heard = before ? {} : { onStdout: stdout.push }
  const ran = await runForeign(context, { argv, cwd, env: context.env, timeoutMs, outputBytesMax, ...heard })
  if (ran.ended !== 'exit') return withSandbox(judge(spec, ran, { census: null }), ran, context)
  const report = before
    ? await readReports(spec.report ?? '', before, context)
    : { census: stdout.census(context.workspace) }
  return withSandbox(judge(spec, ran, report), ran, context)
}

function judge(spec: Spec, ran: CommandOutcome, report: Report): CheckResult {
  const census = 'census' in report ? report.census : null
  const seen: Omit<Evidence, 'summary'> = {
    subject: lineOf(spec.run),
    excerpt: excerptWith(census, ran.output),
    sha256: ran.sha256,
    sizeBytes: ran.sizeBytes,
    exitCode: ran.exitCode,
    facts: { durationMs: ran.durationMs, ...(census ? { tests: countsOf(census) } : {}) },
  }
  switch (ran.ended) {
    case 'aborted':
      return aborted(seen.subject)
    case 'not-started':
      return failedToLook({ ...seen, summary: `It could not be started: ${ran.error}.` })
    case 'timeout':
      // The limit belongs to the check, so not ending in time is a fact about the work that its author should hear of.
      return fail({ ...seen, summary: `It did not end within ${spec.timeout_seconds} s and was stopped.` })
    case 'exit':
      return { ...judgeExit(spec, ran, seen, report), ...(census ? { census } : {}) }
  }
}

/** A shell passes on the end of its child by a signal as a number above 128. */
const signalOf = (exitCode: number): string | null =>
  Object.entries(constants.signals).find(([, number]) => number === exitCode - 128)?.[0] ?? null

function judgeExit(spec: Spec, ran: CommandOutcome, seen: Omit<Evidence, 'summary'>, report: Report): CheckResult {
  const { exitCode } = ran
  const expected = `expected exit code ${spec.exit_code}`
  const killedBy = ran.killedBy ?? signalOf(exitCode ?? 0)
  const ended = exitCode === null ? `It was killed by ${killedBy}` : `It ended with ${exitCode}`
  const summary = `${ended}${exitCode !== null && killedBy ? `, as one killed by ${killedBy} does` : ''}; ${expected}.`
  if (exitCode !== spec.exit_code) {
    return exitCode === notFound
      ? failedToLook({ ...seen, summary: `${summary} A program is missing.` })
      : fail({ ...seen, summary })
  }
  if ('fault' in report) return fail({ ...seen, summary: `${summary} ${report.fault}` })
  const { census } = report
  // Who expects another code than 0 may mean the failing tests; a finding is judged against those of before.
  if (census && census.failed > 0 && spec.exit_code === 0 && !census.format.includes('sarif')) {
    return fail({
      ...seen,
      summary: `It ended with 0, but its report counts ${census.failed} failed: ${named(census)}.`,
    })
  }
  return pass({ ...seen, summary })
}

const countsOf = ({ passed, failed, skipped }: Census): string =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`

const failuresMax = 20

function named({ names }: Census): string {
  const more = names.failed.length - failuresMax
  return `${names.failed.slice(0, failuresMax).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

/** What failed comes first: it is what the next prompt is about, and the output may be long. */
function excerptWith(census: Census | null, output: string): string {
  const failed = census?.names.failed ?? []
  if (failed.length === 0) return excerptOf(output, excerptCharsMax)
  const more = failed.length > failuresMax ? [`… and ${failed.length - failuresMax} more`] : []
  const lines = [...failed.slice(0, failuresMax).map((name) => `- ${name}`), ...more].join('\n')
  const list = `Failed:\n${excerptOf(lines, excerptCharsMax / 2)}\n\n`
  return `${list}${excerptOf(output, excerptCharsMax - list.length)}`
}

const lineOf = (run: string | readonly string[]): string =>
  typeof run === 'string'
    ? run
    : run.map((part) => (/^[\w./:=@%+,-]+$/.test(part) ? part : JSON.stringify(part))).join(' ')
