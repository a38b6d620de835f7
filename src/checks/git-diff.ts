/**
 * Which paths have changed since the task began, committed or not, new ones included: all of them inside some globs,
 * none of them inside others. No change at all proves nothing and fails, unless the check says that it may.
 */
import { z } from 'zod'
import type { CheckContext, Checker } from '../core/check.ts'
import { excerptCharsMax } from '../core/check.ts'
import { sha256 } from '../lib/digest.ts'
import { excerptOf } from '../lib/excerpt.ts'
import { globMatcher } from '../lib/glob.ts'
import { firstWord, globList, nameField, quotedIfNeeded } from './fields.ts'
import { hiddenFiles, openGit } from './git.ts'
import { fail, failedToLook, type Looked, pass } from './look.ts'

const subject = 'git diff'

const schema = z
  .strictObject({
    kind: z.literal('git_diff'),
    name: nameField,
    /** Every changed path must match one of these. */
    inside: globList.optional(),
    /** No changed path may match one of these. */
    outside: globList.optional(),
    allow_empty: z.boolean().default(false),
  })
  .meta({ id: 'CheckGitDiff', description: 'What changed since the start of the task lies inside or outside globs.' })

export const gitDiff: Checker<'git_diff', typeof schema> = {
  kind: 'git_diff',
  schema,
  words: ['git diff'],
  runsCommand: false,
  parseLine,
  describe: (spec) => {
    const parts = [
      ...(spec.inside ? [`inside ${spec.inside.map(quotedIfNeeded).join(' ')}`] : []),
      ...(spec.outside ? [`outside ${spec.outside.map(quotedIfNeeded).join(' ')}`] : []),
    ]
    return parts.length > 0 ? `git diff: ${parts.join('; ')}` : 'git diff'
  },
  async run(spec, context) {
    const changed = await changedPaths(context)
    if (!changed.ok) return changed.result
    const paths = changed.value
    const isInside = globMatcher(spec.inside ?? ['**'])
    const isOutside = globMatcher(spec.outside ?? [])
    const wrong = paths.filter((path) => !isInside(path) || isOutside(path))
    const facts = { changed: paths.length, wrong: wrong.length }
    const shown = excerptOf((wrong.length > 0 ? wrong : paths).join('\n'), excerptCharsMax)
    const seen = { subject, sha256: sha256(paths.join('\n')), facts, excerpt: shown }
    if (paths.length === 0) {
      const summary = 'Nothing has changed since the task began.'
      return spec.allow_empty ? pass({ ...seen, summary }) : fail({ ...seen, summary })
    }
    if (wrong.length === 0) return pass({ ...seen, summary: `${paths.length} paths have changed, all where allowed.` })
    const summary = `${wrong.length} of ${paths.length} changed paths are where nothing should change.`
    return fail({ ...seen, summary })
  },
}

/** Committed or not, new ones included. */
export async function changedPaths(context: CheckContext): Promise<Looked<string[]>> {
  const git = await openGit(context, subject)
  if (!git.ok) return git
  const base = context.baseCommit
  if (base === null || !/^[0-9a-f]{40,64}$/.test(base)) {
    const summary = 'No commit was noted when the task began, so there is nothing to compare with.'
    return { ok: false, result: failedToLook({ subject, summary }) }
  }
  const differing = await git.value.ask([
    ...['diff', '--name-only', '-z', '--no-ext-diff', '--no-textconv', '--no-renames', '--relative'],
    ...['--ignore-submodules=dirty', base, '--'],
  ])
  if (!differing.ok) return differing
  const untracked = await git.value.ask(['ls-files', '--others', '--exclude-standard', '-z'])
  if (!untracked.ok) return untracked
  const hidden = await hiddenFiles(git.value)
  if (!hidden.ok) return hidden
  // A nested repository is listed with a closing slash: everything in it is new.
  const all = [...differing.value, ...untracked.value, ...hidden.value].map((path) => path.replace(/\/$/, ''))
  return { ok: true, value: [...new Set(all)].sort() }
}

function parseLine(text: string): Record<string, unknown> | string {
  const fields: Record<string, string[]> = {}
  for (const part of text.split(';')) {
    const [word, rest] = firstWord(part)
    if (word === '' && text.trim() === '') return 'Write inside or outside and then globs.'
    if (word !== 'inside' && word !== 'outside') return `Write inside or outside, not "${word}".`
    if (fields[word]) return `"${word}" is there twice.`
    fields[word] = globsOf(rest)
    if (fields[word].length === 0) return `Globs are missing behind "${word}".`
  }
  return fields
}

function globsOf(text: string): string[] {
  const globs: string[] = []
  for (let rest = text.trim(); rest !== ''; ) {
    const [glob, behind] = firstWord(rest)
    if (glob !== '') globs.push(glob)
    rest = behind
  }
  return globs
}
