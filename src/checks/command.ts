/** A command ends with the expected exit code. Its output is evidence, never a judge. */
import { z } from 'zod'
import type { Checker, CheckResult, Evidence } from '../core/check.ts'
import { excerptCharsMax } from '../core/check.ts'
import { excerptOf } from '../lib/excerpt.ts'
import type { CommandOutcome } from '../lib/process.ts'
import { nameField, pathField, unquoted } from './fields.ts'
import { aborted, fail, failedToLook, findInside, pass } from './look.ts'
import { runOwned } from './spawn.ts'

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
  })
  .meta({ id: 'CheckCommand', description: 'A command ends with the expected exit code.' })

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
    }`,
  async run(spec, context) {
    const subject = lineOf(spec.run)
    const folder = await findInside(context, spec.cwd)
    if (!folder.ok) return folder.result
    if (!folder.value?.stat.isDirectory()) {
      return fail({ subject, summary: `The folder ${spec.cwd}, in which it should run, does not exist.` })
    }
    const argv: [string, ...string[]] = typeof spec.run === 'string' ? ['bash', '-c', spec.run] : spec.run
    const timeoutMs = spec.timeout_seconds * 1000
    const request = { argv, cwd: folder.value.real, env: context.env, timeoutMs, outputBytesMax }
    return judge(spec, subject, await runOwned(context, request))
  },
}

function judge(spec: z.output<typeof schema>, subject: string, outcome: CommandOutcome): CheckResult {
  const seen: Omit<Evidence, 'summary'> = {
    subject,
    excerpt: excerptOf(outcome.output, excerptCharsMax),
    sha256: outcome.sha256,
    sizeBytes: outcome.sizeBytes,
    exitCode: outcome.exitCode,
    facts: { durationMs: outcome.durationMs },
  }
  const { exitCode } = outcome
  switch (outcome.ended) {
    case 'aborted':
      return aborted(subject)
    case 'not-started':
      return failedToLook({ ...seen, summary: `It could not be started: ${outcome.error}.` })
    case 'timeout':
      // The limit belongs to the check, so not ending in time is a fact about the work that its author should hear of.
      return fail({ ...seen, summary: `It did not end within ${spec.timeout_seconds} s and was stopped.` })
    case 'exit': {
      const expected = `expected exit code ${spec.exit_code}`
      if (exitCode === spec.exit_code) return pass({ ...seen, summary: `It ended with ${exitCode}; ${expected}.` })
      const summary =
        exitCode === null
          ? `It was killed by ${outcome.killedBy}; ${expected}.`
          : `It ended with ${exitCode}; ${expected}.`
      return exitCode === notFound
        ? failedToLook({ ...seen, summary: `${summary} A program is missing.` })
        : fail({ ...seen, summary })
    }
  }
}

const lineOf = (run: string | readonly string[]): string =>
  typeof run === 'string'
    ? run
    : run.map((part) => (/^[\w./:=@%+,-]+$/.test(part) ? part : JSON.stringify(part))).join(' ')
