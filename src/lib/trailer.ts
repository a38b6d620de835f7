/**
 * Adds trailers to the message of the commit that a work tree stands on, the way a person would amend it: no hook runs,
 * no file and no index entry changes, and the branch moves only if nobody moved it meanwhile.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { askGit, type GitRequest } from './git.ts'

const commitBytesMax = 1024 * 1024

/** Why the commit was left as it is, in a few words; null: the trailers are there. */
export async function addTrailers(
  git: GitRequest,
  { baseCommit, trailers }: { baseCommit: string | null; trailers: readonly string[] },
): Promise<string | null> {
  const head = (await askGit(git, ['rev-parse', '--verify', '--quiet', 'HEAD']))?.trim()
  if (!head || head === baseCommit) return 'the work was not committed'
  const raw = await askGit(git, ['cat-file', 'commit', head], commitBytesMax)
  if (raw === null || raw.includes('\ufffd')) return 'the commit cannot be read as text'
  const split = raw.indexOf('\n\n')
  if (split < 0) return 'the commit has no message'
  const [fields, message] = [raw.slice(0, split), raw.slice(split + 2)]
  if (/^gpgsig/m.test(fields)) return 'the commit is signed'
  if (trailers.every((trailer) => message.split('\n').includes(trailer))) return null
  const elsewhere = await askGit(git, ['for-each-ref', `--contains=${head}`, '--format=%(refname)'], commitBytesMax)
  const branch = (await askGit(git, ['symbolic-ref', '--quiet', 'HEAD']))?.trim()
  const others = elsewhere?.split('\n').filter((name) => name !== '' && name !== branch)
  if (!others || others.length > 0) return 'the commit is known elsewhere already (another branch, a tag, a remote)'
  const made = await writeCommit(git, `${fields}\n\n${withTrailers(message, trailers)}`)
  if (made === null) return 'git could not write the commit'
  const moved = await askGit(git, ['update-ref', '-m', 'openloom: trailers', 'HEAD', made, head])
  return moved === null ? 'the branch moved meanwhile' : null
}

/** Trailers form the last paragraph; one that is there already goes on. */
export function withTrailers(message: string, trailers: readonly string[]): string {
  const text = message.trimEnd()
  const last = text
    .slice(text.lastIndexOf('\n\n') + 1)
    .trim()
    .split('\n')
  const goesOn = text.includes('\n\n') && last.every((line) => /^[A-Za-z][\w-]*: \S/.test(line))
  return `${text}\n${goesOn ? '' : '\n'}${trailers.join('\n')}\n`
}

async function writeCommit(git: GitRequest, text: string): Promise<string | null> {
  const folder = await mkdtemp(join(tmpdir(), 'openloom-commit-'))
  try {
    const file = join(folder, 'commit')
    await writeFile(file, text)
    const made = (await askGit(git, ['hash-object', '-t', 'commit', '-w', '--', file]))?.trim()
    return made && /^[0-9a-f]{40,64}$/.test(made) ? made : null
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
