/**
 * Something in the workspace is not as it was before the work: a file that git does not ignore or, without git, any
 * file. What the look before the work saw being written by the checks themselves is no work.
 */
import { lstat, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { type CheckContext, type Checker, type CheckResult, excerptCharsMax } from '../core/check.ts'
import { digestInside, sha256 } from '../lib/digest.ts'
import { excerptOf } from '../lib/excerpt.ts'
import { errnoOf } from '../lib/files.ts'
import { hasRepository } from '../lib/git.ts'
import { globMatcher, walkFiles } from '../lib/glob.ts'
import { nameField } from './fields.ts'
import { changedPaths } from './git-diff.ts'
import { aborted, fail, failedToLook, type Looked, pass } from './look.ts'

const subject = 'the files of the workspace'
const filesMax = 1_000
const entriesMax = 20_000
const sizeBytesMax = 256 * 1024 * 1024

/** Written by running something, whoever runs it. */
const leavings = ['.git', 'node_modules', '__pycache__', '.pytest_cache', '.mypy_cache', '.ruff_cache', '.nyc_output']
const isLeaving = globMatcher([
  ...leavings.flatMap((name) => [`${name}/**`, `**/${name}/**`]),
  ...['.coverage', '**/.coverage', 'coverage/**', '**/*.pyc', '**/*.log'],
])

const schema = z
  .strictObject({ kind: z.literal('any_change'), name: nameField })
  .meta({ id: 'CheckAnyChange', description: 'Something in the workspace is not as it was before the work.' })

export const anyChange: Checker<'any_change', typeof schema> = {
  kind: 'any_change',
  schema,
  words: ['any change'],
  runsCommand: false,
  compares: true,
  parseLine: (text) => (text === '' ? {} : 'Nothing may follow `any change`.'),
  describe: () => 'any change',
  async run(_spec, context) {
    const { before } = context
    if (before?.outcome === 'error') {
      return failedToLook({ subject, summary: 'The files could not be looked at before the work began.' })
    }
    const paths = await pathsOf(context)
    if (!paths.ok) return paths.result
    const files = await signaturesOf(context, paths.value)
    if (!files.ok) return files.result
    return before === null ? first(files.value, context) : compare(files.value, before)
  },
}

interface Signature {
  path: string
  digest: string
  changedAtMs: number
}

/** The look before the work: nobody but the checks has written since the task began. */
function first(files: readonly Signature[], { taskStartedAt }: CheckContext): CheckResult {
  const isOld = ({ changedAtMs }: Signature) => changedAtMs < taskStartedAt
  const facts = {
    files: files.filter(isOld).map(({ path, digest }) => `${digest} ${path}`),
    writtenByChecks: files.filter((file) => !isOld(file)).map(({ path }) => path),
  }
  const digest = sha256(facts.files.join('\n'))
  return fail({ subject, sha256: digest, facts, summary: 'Nothing has changed yet: the work is about to begin.' })
}

function compare(files: readonly Signature[], before: CheckResult): CheckResult {
  const facts = before.evidence.facts ?? {}
  const old = new Set(listOf(facts.files))
  const noise = new Set(listOf(facts.writtenByChecks))
  const now = new Set(files.filter(({ path }) => !noise.has(path)).map(({ path, digest }) => `${digest} ${path}`))
  const differing = [...[...now].filter((line) => !old.has(line)), ...[...old].filter((line) => !now.has(line))]
  const changed = [...new Set(differing.map((line) => line.slice(line.indexOf(' ') + 1)))].sort()
  const seen = { subject, sha256: sha256([...now].join('\n')), facts: { changed: changed.length } }
  if (changed.length === 0) return fail({ ...seen, summary: 'Nothing has changed since the work began.' })
  const excerpt = excerptOf(changed.join('\n'), excerptCharsMax)
  const count = changed.length === 1 ? '1 file has' : `${changed.length} files have`
  return pass({ ...seen, excerpt, summary: `${count} changed since the work began.` })
}

const listOf = (fact: unknown): string[] => (Array.isArray(fact) ? fact.map(String) : [])

/** With git those that differ from the commit of the start; without it all there are. */
async function pathsOf(context: CheckContext): Promise<Looked<string[]>> {
  const { workspace, signal } = context
  if (signal.aborted) return { ok: false, result: aborted(subject) }
  const paths: string[] = []
  if (await hasRepository(workspace)) {
    const changed = await changedPaths(context)
    if (!changed.ok) return changed
    paths.push(...changed.value)
  } else {
    const end = await walkFiles(workspace, { entriesMax, signal, skip: leavings }, (path) => paths.push(path))
    if (end === 'aborted') return { ok: false, result: aborted(subject) }
    if (end !== 'complete') {
      const why = end === 'too-many' ? 'holds too many files' : 'cannot be read'
      return { ok: false, result: failedToLook({ subject, summary: `The workspace ${why}.` }) }
    }
  }
  return { ok: true, value: paths.filter((path) => !isLeaving(path)).sort() }
}

async function signaturesOf(context: CheckContext, paths: readonly string[]): Promise<Looked<Signature[]>> {
  const files: Signature[] = []
  let sizeBytes = 0
  for (const path of paths) {
    if (context.signal.aborted) return { ok: false, result: aborted(subject) }
    try {
      const stat = await lstat(join(context.workspace, path))
      sizeBytes += stat.isFile() ? stat.size : 0
      if (files.length >= filesMax || sizeBytes > sizeBytesMax) {
        const summary = `Too much differs to be compared: over ${filesMax} files or ${sizeBytesMax} bytes.`
        return { ok: false, result: failedToLook({ subject, summary }) }
      }
      files.push({ path, digest: await digestOf(context, path, stat), changedAtMs: stat.ctimeMs })
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR'].includes(errnoOf(error))) {
        return { ok: false, result: failedToLook({ subject, summary: `${path} cannot be read (${errnoOf(error)}).` }) }
      }
      files.push({ path, digest: 'absent', changedAtMs: 0 })
    }
  }
  return { ok: true, value: files }
}

async function digestOf(
  { workspace, signal }: CheckContext,
  path: string,
  stat: Awaited<ReturnType<typeof lstat>>,
): Promise<string> {
  if (stat.isSymbolicLink()) return sha256(await readlink(join(workspace, path))).slice(0, 16)
  if (!stat.isFile()) return 'other'
  const mode = (Number(stat.mode) & 0o100) !== 0 ? '+x' : ''
  return `${((await digestInside(workspace, path, signal)) ?? 'absent').slice(0, 16)}${mode}`
}
