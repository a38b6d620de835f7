/** Child processes of checks: always owned, always bounded, in the scrubbed environment of the context. */
import { randomUUID } from 'node:crypto'
import type { CheckContext } from '../core/check.ts'
import { type CommandOutcome, type CommandRequest, runCommand } from '../lib/process.ts'

type Wanted = Pick<CommandRequest, 'argv' | 'cwd' | 'timeoutMs' | 'outputBytesMax' | 'env' | 'stdoutOnly' | 'onStdout'>

export function runOwned(context: CheckContext, wanted: Wanted): Promise<CommandOutcome> {
  return runCommand({ ...wanted, owner: `${context.owner}/check-${randomUUID()}`, signal: context.signal })
}

/** For what a task or a project brings: its parent is a shell of its own, so that killing its parent ends only that. */
export const runForeign = (context: CheckContext, wanted: Wanted): Promise<CommandOutcome> =>
  runOwned(context, { ...wanted, argv: ['sh', '-c', '"$@"; exit $?', 'sh', ...wanted.argv] })
