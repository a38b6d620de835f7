/** Nothing is uncommitted: no changed, staged or untracked file. Ignored files do not count. */
import { z } from 'zod'
import type { Checker } from '../core/check.ts'
import { excerptCharsMax } from '../core/check.ts'
import { sha256 } from '../lib/digest.ts'
import { excerptOf } from '../lib/excerpt.ts'
import { nameField } from './fields.ts'
import { hiddenFiles, openGit } from './git.ts'
import { fail, pass } from './look.ts'

const schema = z
  .strictObject({ kind: z.literal('git_clean'), name: nameField })
  .meta({ id: 'CheckGitClean', description: 'The workspace has no uncommitted change and no untracked file.' })

export const gitClean: Checker<'git_clean', typeof schema> = {
  kind: 'git_clean',
  schema,
  words: ['git clean'],
  runsCommand: false,
  parseLine: (text) => (text === '' ? {} : 'Nothing may follow `git clean`.'),
  describe: () => 'git clean',
  async run(_spec, context) {
    const subject = 'git status'
    const git = await openGit(context, subject)
    if (!git.ok) return git.result
    const status = await git.value.ask([
      ...['status', '--porcelain=v1', '-z', '--untracked-files=all', '--ignore-submodules=dirty', '--no-renames'],
      ...['--', '.'],
    ])
    if (!status.ok) return status.result
    const hidden = await hiddenFiles(git.value)
    if (!hidden.ok) return hidden.result
    const lines = [...status.value, ...hidden.value.map((path) => `hidden from git: ${path}`)]
    const seen = { subject, sha256: sha256(lines.join('\n')), facts: { changes: lines.length } }
    if (lines.length === 0) return pass({ ...seen, summary: 'Nothing is uncommitted.' })
    const excerpt = excerptOf(lines.join('\n'), excerptCharsMax)
    return fail({ ...seen, summary: `${lines.length} paths are uncommitted; expected none.`, excerpt })
  },
}
