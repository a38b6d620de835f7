/** Running git on a repository that may be hostile: nothing that its configuration names is ever executed. */
import { runCommand } from './process.ts'

const nothingRuns = [
  ...['core.hooksPath=/dev/null', 'core.fsmonitor=false', 'core.pager=cat', 'core.untrackedCache=false'],
  ...['core.alternateRefsCommand=', 'core.sshCommand=false', 'core.askPass=false', 'credential.helper='],
  ...['diff.external=', 'submodule.recurse=false', 'protocol.allow=never', 'gc.auto=0', 'maintenance.auto=false'],
  // A changed file must not pass for an unchanged one because of how the agent told git to look.
  ...['core.ignoreStat=false', 'core.trustctime=true', 'core.checkStat=default', 'core.safecrlf=false'],
]

export const gitEnvironment: Readonly<Record<string, string>> = {
  GIT_OPTIONAL_LOCKS: '0',
  GIT_TERMINAL_PROMPT: '0',
  GIT_NO_LAZY_FETCH: '1',
  GIT_PAGER: 'cat',
  LC_ALL: 'C',
}

/** `settings`: further `key=value` for this call, e.g. filters of the repository emptied. */
export function gitArgv(args: readonly string[], settings: readonly string[] = []): [string, ...string[]] {
  const flags = [...nothingRuns, ...settings].flatMap((setting) => ['-c', setting])
  return ['git', '--no-pager', '--no-optional-locks', '--literal-pathspecs', ...flags, ...args]
}

export interface GitRequest {
  cwd: string
  env: Readonly<Record<string, string>>
  owner: string
}

/** The commit a work tree stands on; null where there is no repository, no commit, or no git. */
export async function headCommit({ cwd, env, owner }: GitRequest): Promise<string | null> {
  const outcome = await runCommand({
    argv: gitArgv(['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']),
    cwd,
    env: { ...env, ...gitEnvironment },
    owner,
    timeoutMs: 30_000,
    outputBytesMax: 4_096,
    stdoutOnly: true,
  })
  const commit = outcome.output.trim()
  return outcome.exitCode === 0 && /^[0-9a-f]{40,64}$/.test(commit) ? commit : null
}
