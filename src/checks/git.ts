/**
 * Questions to git about a workspace whose `.git` the agent may have written: nothing that its configuration names is
 * ever executed (hooks, monitors, filters, external diffs, pagers, submodules), and no shell is involved.
 */

import { realpath } from 'node:fs/promises'
import type { CheckContext } from '../core/check.ts'
import { reasonOf } from '../core/problem.ts'
import { isInside } from '../lib/files.ts'
import { gitArgv, gitEnvironment, ledAway } from '../lib/git.ts'
import { configKeys, filtersEmptied, isOwnScope, unreachableKey } from '../lib/git-filters.ts'
import { failedToLook, type Looked } from './look.ts'
import { runOwned } from './spawn.ts'

const timeoutMs = 30_000
const outputBytesMax = 4 * 1024 * 1024

export interface Git {
  /** The words of a NUL-separated answer. */
  ask(args: readonly string[]): Promise<Looked<string[]>>
}

/** Opens the repository around the workspace, or says why there is none to ask. */
export async function openGit(context: CheckContext, subject: string): Promise<Looked<Git>> {
  const away = await ledAway(context.workspace)
  if (away !== null) return { ok: false, result: failedToLook({ subject, summary: `git is not asked here: ${away}.` }) }
  const top = await runGit(context, subject, { args: ['rev-parse', '--show-toplevel'] })
  if (!top.ok) return top
  const root = await realpath(top.value.replace(/\n$/, '')).catch((error: unknown) => ({ why: reasonOf(error) }))
  if (typeof root !== 'string' || !isInside(root, context.workspace)) {
    const summary =
      typeof root === 'string'
        ? `git takes another folder (${top.value.trim()}) for the work tree of this workspace.`
        : `The work tree that git names (${top.value.trim()}) cannot be looked at: ${root.why}.`
    return { ok: false, result: failedToLook({ subject, summary }) }
  }
  const filters = await filterSettings(context, subject)
  if (!filters.ok) return filters
  const settings = filters.value
  return {
    ok: true,
    value: {
      async ask(args) {
        const answer = await runGit(context, subject, { settings, args })
        return answer.ok ? { ok: true, value: answer.value.split('\0').filter((word) => word !== '') } : answer
      },
    },
  }
}

/** Empties every filter, text conversion and diff driver that the repository's own configuration defines. */
async function filterSettings(context: CheckContext, subject: string): Promise<Looked<string[]>> {
  const args = ['config', '--list', '--show-scope', '--name-only', '-z']
  const listed = await runGit(context, subject, { args })
  if (!listed.ok) return listed
  const own = configKeys(listed.value).filter(isOwnScope)
  const stubborn = unreachableKey(own)
  if (stubborn !== null) {
    const summary = `The repository defines ${stubborn}, which cannot be switched off.`
    return { ok: false, result: failedToLook({ subject, summary }) }
  }
  return { ok: true, value: filtersEmptied(own) }
}

async function runGit(
  context: CheckContext,
  subject: string,
  call: { settings?: readonly string[]; args: readonly string[] },
): Promise<Looked<string>> {
  const outcome = await runOwned(context, {
    argv: gitArgv(call.args, call.settings),
    cwd: context.workspace,
    env: { ...context.env, ...gitEnvironment },
    timeoutMs,
    outputBytesMax,
    stdoutOnly: true,
  })
  if (outcome.ended === 'exit' && outcome.exitCode === 0 && outcome.sizeBytes <= outputBytesMax) {
    return { ok: true, value: outcome.output }
  }
  const why = {
    aborted: 'was stopped before it came to an end',
    timeout: `did not end within ${timeoutMs / 1000} s`,
    'not-started': 'could not be started',
    exit:
      outcome.exitCode === 0
        ? 'answered more than is read'
        : `ended with ${outcome.exitCode}; is the workspace a git repository that belongs to this user?`,
  }[outcome.ended]
  const summary = `git ${call.args[0]} ${why}${/[.?]$/.test(why) ? '' : '.'}`
  return { ok: false, result: failedToLook({ subject, summary, exitCode: outcome.exitCode }) }
}

/** Files that the index says not to look at: a change of them shows nowhere else. */
export async function hiddenFiles(git: Git): Promise<Looked<string[]>> {
  const listed = await git.ask(['ls-files', '-v', '-z'])
  if (!listed.ok) return listed
  // Lower case is "assume unchanged"; S (skip-worktree) is what sparse checkouts set and is judged by its presence.
  return { ok: true, value: listed.value.filter((line) => /^[a-z] /.test(line)).map((line) => line.slice(2)) }
}
