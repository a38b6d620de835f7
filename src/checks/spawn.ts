/** Child processes of checks: always owned, always bounded, in the scrubbed environment of the context. */
import { randomUUID } from 'node:crypto'
import type { CheckContext, CheckResult } from '../core/check.ts'
import { type CommandOutcome, type CommandRequest, runCommand } from '../lib/process.ts'

type Wanted = Pick<CommandRequest, 'argv' | 'cwd' | 'timeoutMs' | 'outputBytesMax' | 'env' | 'stdoutOnly' | 'onStdout'>

export function runOwned(context: CheckContext, wanted: Wanted): Promise<CommandOutcome> {
  return runCommand({ ...wanted, owner: `${context.owner}/check-${randomUUID()}`, signal: context.signal })
}

/**
 * For what a task or a project brings: in the sandbox, where there is one. Its parent is a shell of its own, so that
 * killing its parent ends only that.
 */
export function runForeign(context: CheckContext, wanted: Wanted): Promise<CommandOutcome> {
  const argv = ['sh', '-c', '"$@"; exit $?', 'sh', ...wanted.argv] as const
  return runOwned(context, { ...wanted, argv: context.confinement.wrap(argv, wanted.cwd) })
}

/** What a command says that wanted more than the sandbox gives: a place to write, a host, a socket, a program. */
const wantedMore = new RegExp(
  [
    ...['Read-only file system', 'EROFS', 'File size limit', 'command not found', 'Could not resolve', 'ENOTFOUND'],
    ...['EAI_AGAIN', 'ENETUNREACH', 'Network is unreachable', 'ECONNREFUSED', 'connection refused'],
    'The sandbox of OpenLoom refuses',
  ].join('|'),
  'i',
)

/** A result that the sandbox may have made says so; what it could not even begin proves nothing about the work. */
export function withSandbox(result: CheckResult, ran: CommandOutcome, { confinement }: CheckContext): CheckResult {
  if (confinement.kind === 'none' || result.outcome === 'pass' || ran.ended === 'aborted') return result
  const { evidence } = result
  const [fault] = /^(?:bwrap|nsenter): .*/.exec(ran.output) ?? []
  if (fault !== undefined) {
    return {
      ...result,
      outcome: 'error',
      evidence: { ...evidence, summary: `The sandbox did not start it: ${fault}.` },
    }
  }
  if (!wantedMore.test(ran.output)) return result
  const why = 'It ran in the sandbox, which may be why: see docs/guide/sandbox.md.'
  return { ...result, evidence: { ...evidence, summary: `${evidence.summary} ${why}` } }
}
