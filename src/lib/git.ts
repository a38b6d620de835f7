/** Running git on a repository that may be hostile: no hooks, no helpers, no pager, no prompt, no lock on the index. */
import { type CommandOutcome, runCommand } from './process.ts'

export interface GitRequest {
  cwd: string
  args: readonly string[]
  env: Readonly<Record<string, string>>
  owner: string
  signal?: AbortSignal
  timeoutMs?: number
  outputBytesMax?: number
}

const safe = [
  ...['-c', 'core.hooksPath=/dev/null', '-c', 'core.fsmonitor=false', '-c', 'diff.external=', '-c', 'core.pager=cat'],
  ...['-c', 'credential.helper=', '-c', 'protocol.ext.allow=never', '-c', 'core.quotePath=false'],
]

export function runGit(request: GitRequest): Promise<CommandOutcome> {
  return runCommand({
    argv: ['git', '--no-optional-locks', ...safe, ...request.args],
    cwd: request.cwd,
    env: { ...request.env, GIT_TERMINAL_PROMPT: '0', GIT_OPTIONAL_LOCKS: '0', LC_ALL: 'C' },
    owner: request.owner,
    timeoutMs: request.timeoutMs ?? 30_000,
    outputBytesMax: request.outputBytesMax ?? 4 * 1024 * 1024,
    ...(request.signal ? { signal: request.signal } : {}),
  })
}

/** The commit a work tree stands on; null where there is no repository, no commit, or no git. */
export async function headCommit(request: Omit<GitRequest, 'args'>): Promise<string | null> {
  const outcome = await runGit({ ...request, args: ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}'] })
  const commit = outcome.output.trim()
  return outcome.exitCode === 0 && /^[0-9a-f]{40,64}$/.test(commit) ? commit : null
}
