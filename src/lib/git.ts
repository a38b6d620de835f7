/** Running git on a repository that may be hostile: nothing that its configuration names is ever executed. */
import { randomUUID } from 'node:crypto'
import { dirname, join } from 'node:path'
import { ProblemError } from '../core/problem.ts'
import { errnoOf, exists } from './files.ts'
import { type CommandOutcome, runCommand } from './process.ts'

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
  signal?: AbortSignal
}

const timeoutMs = 30_000

/** What git answers on stdout, or null when it refused, took too long, or said more than `bytesMax`. */
export async function askGit(request: GitRequest, args: readonly string[], bytesMax = 4_096): Promise<string | null> {
  const outcome = await outcomeOf(request, args, bytesMax)
  return hasAnswered(outcome) && outcome.exitCode === 0 && outcome.sizeBytes <= bytesMax ? outcome.output : null
}

/** git is there and did not answer, or not in whole: nobody knows what it would have said. */
export class GitSilent extends ProblemError {
  constructor(args: readonly string[], why: string) {
    super({
      kind: 'git-silent',
      text: `git did not answer what was asked of it (${args[0]}): ${why}.`,
      todo: 'Look at the repository, and at the load and the disk of the machine; then resume.',
    })
  }
}

/** As askGit, but null is git's own no, or that there is no git. Throws GitSilent where it gave no whole answer. */
export async function answerOfGit(
  request: GitRequest,
  args: readonly string[],
  bytesMax = 4_096,
): Promise<string | null> {
  const outcome = await outcomeOf(request, args, bytesMax)
  if (outcome.error?.includes('ENOENT')) return null
  if (!hasAnswered(outcome)) throw new GitSilent(args, silenceOf(outcome))
  if (outcome.exitCode !== 0) return null
  if (outcome.sizeBytes > bytesMax) throw new GitSilent(args, `it said more than ${bytesMax} bytes`)
  return outcome.output
}

/** As answerOfGit, of what git has no reason to refuse. */
export async function listingOfGit(request: GitRequest, args: readonly string[], bytesMax: number): Promise<string[]> {
  const listed = await answerOfGit(request, args, bytesMax)
  if (listed === null) throw new GitSilent(args, 'it refused')
  return listed.split('\0').filter((word) => word !== '')
}

const hasAnswered = ({ ended, exitCode }: CommandOutcome): boolean => ended === 'exit' && exitCode !== null

function silenceOf({ ended, killedBy, error }: CommandOutcome): string {
  if (ended === 'not-started') return `it could not be started (${error})`
  if (ended === 'timeout') return `it took over ${timeoutMs / 1_000} s`
  return ended === 'aborted' ? 'it was stopped' : `it was ended by ${killedBy ?? 'somebody'}`
}

const notStarted: CommandOutcome = {
  ...{ ended: 'not-started', exitCode: null, killedBy: null, error: null },
  ...{ output: '', sizeBytes: 0, spooledBytes: null, sha256: '', durationMs: 0 },
}

async function outcomeOf(
  { cwd, env, owner, signal }: GitRequest,
  args: readonly string[],
  bytesMax: number,
): Promise<CommandOutcome> {
  const away = await ledAway(cwd)
  if (away !== null) return { ...notStarted, error: away }
  return runCommand({
    argv: gitArgv(args),
    cwd,
    env: { ...env, ...gitEnvironment },
    // One of its own: what a command leaves behind is ended by owner, and several may run at a time.
    owner: `${owner}/git-${randomUUID()}`,
    timeoutMs,
    // Twice, because the first half of what is kept must hold all of it.
    outputBytesMax: 2 * bytesMax,
    stdoutOnly: true,
    ...(signal ? { signal } : {}),
  })
}

/** Contents of objects by their ids, as they are stored; those that are missing, or beyond the bound, are left out. */
export async function readObjects(
  git: GitRequest,
  ids: readonly string[],
  bytesMax: number,
): Promise<Map<string, Buffer>> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  await runCommand({
    argv: gitArgv(['cat-file', '--batch']),
    cwd: git.cwd,
    env: { ...git.env, ...gitEnvironment },
    owner: `${git.owner}/git-${randomUUID()}`,
    timeoutMs,
    input: ids.map((id) => `${id}\n`).join(''),
    outputBytesMax: 1_024,
    stdoutOnly: true,
    onStdout(chunk) {
      sizeBytes += chunk.length
      if (sizeBytes <= bytesMax) chunks.push(chunk)
    },
    ...(git.signal ? { signal: git.signal } : {}),
  })
  const all = Buffer.concat(chunks)
  const found = new Map<string, Buffer>()
  for (let at = 0; at < all.length; ) {
    const end = all.indexOf(10, at)
    if (end < 0) break
    const [id = '', , size] = all.toString('latin1', at, end).split(' ')
    at = end + 1
    // `<id> missing`
    if (size === undefined) continue
    const next = at + Number(size)
    if (next <= all.length) found.set(id, all.subarray(at, next))
    at = next + 1
  }
  return found
}

/**
 * How two files differ, the header with their names left out; null: git could not say. It belongs to no repository
 * then: else the filters that one names would be run on the files.
 */
export async function diffFiles(
  git: GitRequest,
  [before, after]: [string, string],
  bytesMax: number,
): Promise<string | null> {
  const flags = ['--no-index', '--no-ext-diff', '--no-textconv', '--no-color']
  const outcome = await runCommand({
    argv: gitArgv(['diff', ...flags, '--', before, after]),
    cwd: git.cwd,
    env: { ...git.env, ...gitEnvironment, GIT_DIR: '/dev/null' },
    owner: `${git.owner}/git-${randomUUID()}`,
    timeoutMs,
    outputBytesMax: bytesMax,
    stdoutOnly: true,
    ...(git.signal ? { signal: git.signal } : {}),
  })
  // 1 is the answer that they differ.
  if (outcome.ended !== 'exit' || (outcome.exitCode ?? 2) > 1) return null
  const body = outcome.output.indexOf('\n@@')
  return body < 0 ? null : outcome.output.slice(body + 1)
}

/** Of one command line; systems allow a megabyte and more. */
const argumentCharsMax = 150_000

/** Paths in parts that fit a command line; at least `min` parts, where there are enough of them. */
export function argumentParts(paths: readonly string[], min = 1): string[][] {
  const all = paths.reduce((sum, path) => sum + path.length + 10, 0)
  const charsMax = Math.min(argumentCharsMax, Math.max(10_000, Math.ceil(all / min)))
  const parts: string[][] = []
  let chars = Number.POSITIVE_INFINITY
  for (const path of paths) {
    if (chars > charsMax) {
      parts.push([])
      chars = 0
    }
    parts.at(-1)?.push(path)
    chars += path.length + 10
  }
  return parts
}

/** Whether there is anything to ask git about: a look that costs no process. */
export async function hasRepository(folder: string): Promise<boolean> {
  return (await entryOf(folder)) !== null
}

/** `.git` of the work tree around a folder; null: there is none. */
async function entryOf(folder: string): Promise<string | null> {
  for (let at = folder; ; at = dirname(at)) {
    const entry = join(at, '.git')
    // What cannot be looked at may be one: git itself answers then.
    if (await exists(entry).catch(() => true)) return entry
    if (dirname(at) === at) return null
  }
}

/**
 * Why git is not to be asked about a folder; null: it may be. A `commondir` leads it from the repository of a main work
 * tree to settings, references and objects elsewhere. git writes one for linked work trees only; a command can, and the
 * sandbox cannot forbid a file that is not there.
 */
export async function ledAway(folder: string): Promise<string | null> {
  const entry = await entryOf(folder)
  if (entry === null) return null
  const pointer = join(entry, 'commondir')
  try {
    if (!(await exists(pointer))) return null
    return `${pointer} leads it to another repository, and git puts none there: find out who did, and take it away`
  } catch (error) {
    return `${pointer} cannot be looked for (${errnoOf(error)}): see what is wrong with that folder`
  }
}

/** The commit a work tree stands on; null where there is no repository, no commit, or no git. Throws GitSilent. */
export async function headCommit(request: GitRequest): Promise<string | null> {
  if (!(await hasRepository(request.cwd))) return null
  const commit = (await answerOfGit(request, ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']))?.trim() ?? ''
  return /^[0-9a-f]{40,64}$/.test(commit) ? commit : null
}
