/** Child processes of checks: always owned, always bounded, in the scrubbed environment of the context. */
import { randomUUID } from 'node:crypto'
import type { CheckContext } from '../core/check.ts'
import { type CommandOutcome, type CommandRequest, ownerVariable, runCommand } from '../lib/process.ts'

type Wanted = Pick<CommandRequest, 'argv' | 'cwd' | 'timeoutMs' | 'outputBytesMax' | 'env' | 'stdoutOnly'>

/** The owner lies below the one that the environment names, so that whoever looks for that one finds these too. */
export function runOwned(context: CheckContext, wanted: Wanted): Promise<CommandOutcome> {
  const owner = `${context.env[ownerVariable] ?? 'openloom'}/check-${randomUUID()}`
  return runCommand({ ...wanted, owner, signal: context.signal })
}
