/**
 * What judges the work, as it was before: noted when a task begins, compared when it is judged. The copies lie in the
 * data folder, where the agent's tools do not lead.
 */
import { accessSync, constants } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { reasonOf } from '../core/problem.ts'
import type { BlobIds } from '../lib/blob-ids.ts'
import { NoCleanTree } from '../lib/clean-repository.ts'
import { sha256 } from '../lib/digest.ts'
import { excerptOf } from '../lib/excerpt.ts'
import { decodeUtf8, errnoOf, readBounded, writeAtomic } from '../lib/files.ts'
import { askGit, diffFiles, type GitRequest, GitSilent, listingOfGit } from '../lib/git.ts'
import { walkFiles } from '../lib/glob.ts'
import { dependencyFolders, isDependency, type Result, type ResultEntry } from '../lib/result.ts'
import { lookAt } from '../lib/tree.ts'
import { shadowingPrograms } from './programs.ts'
import { judgingPart, type Protection, reachedScripts, withJudgingPart } from './protect.ts'

const filesMax = 5_000
const sizeBytesMax = 128 * 1024 * 1024
const fileBytesMax = 16 * 1024 * 1024
const entriesMax = 200_000
const listBytesMax = 64 * 1024 * 1024
const changesShown = 20
const diffBytesMax = 64 * 1024

const baseSchema = z.strictObject({
  version: z.literal(1),
  commit: z.string().nullable(),
  /** Ids of the files that git did not know. */
  untracked: z.record(z.string(), z.string()),
  /** Digests of the files whose content lies in `files/<digest>`. */
  copies: z.record(z.string(), z.string()),
  /** Folders that held tests. */
  tested: z.array(z.string()),
  /** Names of the scripts that the checks run, and their lines. */
  scripts: z.array(z.string()),
  lines: z.array(z.string()),
})
export type Base = z.infer<typeof baseSchema>

export interface Ground {
  /** Top of the work tree, or the workspace where there is no git. Real path. */
  root: string
  git: GitRequest
  isGit: boolean
  /** Where the copies are kept. */
  folder: string
}

export type ChangeKind = 'changed' | 'deleted' | 'added'

export interface Change {
  path: string
  kind: ChangeKind
  /** Of the file as it is now; empty: it is gone. */
  sha256: string
  /** Content before, as a file; null for a new one. */
  before: string | null
}

export interface Comparison {
  hard: Change[]
  soft: Change[]
  /** The result with the judges as they were. */
  restored: ResultEntry[]
  /** The same, but tests that the work changed stay changed. */
  hardRestored: ResultEntry[]
}

const baseFile = (folder: string): string => join(folder, 'base.json')
const copyOf = (folder: string, digest: string): string => join(folder, 'files', digest)

/** Null: nothing was noted, as for a task from before this was known. */
export async function readBase(folder: string): Promise<Base | null> {
  try {
    const { bytes } = await readBounded(baseFile(folder), listBytesMax)
    return baseSchema.parse(JSON.parse(decodeUtf8(bytes) ?? ''))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null
    throw new NoCleanTree(`what was noted before the work cannot be read (${reasonOf(error)})`)
  }
}

/** `rules`: made from the lines of the scripts that the commands run, which are found here. */
export async function noteBase(
  ground: Ground,
  {
    commands,
    rules: rulesFor,
    commit,
    ids,
  }: {
    commands: readonly string[]
    rules: (scripts: readonly string[]) => Protection
    commit: string | null
    ids: BlobIds
  },
): Promise<void> {
  const manifest = await textOf(join(ground.root, 'package.json'))
  const { names, lines } = reachedScripts(commands, manifest ?? '')
  const rules = rulesFor(lines)
  const { all, untracked } = await listAll(ground)
  await mkdir(join(ground.folder, 'files'), { recursive: true, mode: 0o700 })
  const untrackedIds = await idsOf(ground, ids, untracked)
  const tests = all.filter(rules.isSoft)
  const open = new Set([...untracked, ...(commit === null ? tests : await dirtyOf(ground, { commit, ids }, tests))])
  const wanted = all.filter(
    (path) => rules.isHard(path) || rules.isInParts(path) || (rules.isSoft(path) && open.has(path)),
  )
  await writeBase(ground, {
    version: 1,
    commit,
    untracked: untrackedIds,
    copies: await keepCopies(ground, wanted),
    tested: [...new Set(all.filter(rules.isSoft).map((path) => dirname(path)))],
    scripts: names,
    lines,
  })
}

export const writeBase = ({ folder }: Ground, base: Base): Promise<void> =>
  writeAtomic(baseFile(folder), JSON.stringify(base), { mode: 0o600 })

/**
 * Those whose bytes are not what was committed. Not asked of `git diff`, which would run the filters that the
 * repository names: what a filter has changed counts as dirty, and is kept once more.
 */
async function dirtyOf(
  ground: Ground,
  { commit, ids }: { commit: string; ids: BlobIds },
  paths: readonly string[],
): Promise<string[]> {
  if (paths.length === 0) return []
  const listed = await listCommitted(ground, commit)
  if (listed === null) throw new GitSilent(['ls-tree'], 'it did not list the commit')
  const known = new Map(listed.split('\0').map((line) => [line.slice(line.indexOf('\t') + 1), line]))
  const now = await idsOf(ground, ids, paths)
  return paths.filter((path) => known.get(path)?.split(/[ \t]/)[2] !== now[path])
}

async function listAll(ground: Ground): Promise<{ all: string[]; untracked: string[] }> {
  const { git, root } = ground
  if (!ground.isGit) {
    const all: string[] = []
    const limits = { entriesMax, skip: ['.git', ...dependencyFolders] }
    await walkFiles(root, limits, (path, entry) => entry.isFile() && all.push(path))
    return { all, untracked: [] }
  }
  const ask = (args: string[]) => listingOfGit({ ...git, cwd: root }, args, listBytesMax)
  const [tracked, untracked] = await Promise.all([
    ask(['ls-files', '-z']),
    ask(['ls-files', '--others', '--exclude-standard', '-z']),
  ])
  const isFile = (path: string) => !path.endsWith('/')
  const fresh = untracked.filter((path) => isFile(path) && !isDependency(path))
  return { all: [...tracked.filter(isFile), ...fresh], untracked: fresh }
}

/** Of the files that are there and can be read; as they lie there, no filter applied. */
async function idsOf({ git, root }: Ground, ids: BlobIds, paths: readonly string[]): Promise<Record<string, string>> {
  const files = paths.flatMap((path) => {
    const stat = lookAt(`${root}/${path}`)
    return stat?.kind === 'file' && isReadable(`${root}/${path}`) ? [{ path, ...stat }] : []
  })
  const found = await ids.of({ ...git, cwd: root }, files)
  if (!found) throw new GitSilent(['hash-object'], 'files changed while they were read')
  return Object.fromEntries(files.map(({ path }, index) => [path, found[index] ?? '']))
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch {
    return false
  }
}

async function keepCopies({ root, folder }: Ground, paths: readonly string[]): Promise<Record<string, string>> {
  const copies: Record<string, string> = {}
  let room = sizeBytesMax
  for (const path of paths.slice(0, filesMax)) {
    const stat = lookAt(`${root}/${path}`)
    if (stat?.kind !== 'file' || stat.sizeBytes > fileBytesMax || stat.sizeBytes > room) continue
    room -= stat.sizeBytes
    const { bytes } = await readBounded(join(root, path), fileBytesMax)
    copies[path] = await keepCopy(folder, bytes, stat.executable)
  }
  return copies
}

/** The name of the copy: its digest. */
export async function keepCopy(folder: string, bytes: string | Uint8Array, isExecutable = false): Promise<string> {
  const digest = sha256(bytes)
  await writeAtomic(copyOf(folder, digest), bytes, { mode: isExecutable ? 0o700 : 0o600 })
  return digest
}

async function textOf(path: string): Promise<string | null> {
  try {
    return decodeUtf8((await readBounded(path, fileBytesMax)).bytes)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENOTREG', 'ELOOP'].includes(errnoOf(error))) return null
    throw error
  }
}

/** `accepted`: what a person said is right, as `path:digest`. `entries`: null where there is no git. */
export async function compare(
  ground: Ground,
  base: Base,
  rules: Protection,
  {
    result,
    accepted,
    committed,
  }: {
    result: Result | null
    accepted: ReadonlySet<string>
    /** What `listCommitted` says of the commit before the work. */
    committed: Promise<string | null>
  },
): Promise<Comparison> {
  const hard = new Map<string, Change>()
  const soft = new Map<string, Change>()
  const replaced = new Map<string, ResultEntry | null>()
  for (const [path, digest] of Object.entries(base.copies)) {
    const found = await changeOf(ground, base, rules, { path, digest })
    if (!found || accepted.has(`${path}:${found.change.sha256}`)) continue
    ;(rules.isSoft(path) && !rules.isHard(path) ? soft : hard).set(path, found.change)
    replaced.set(path, { path, mode: found.mode, id: `before ${digest} ${found.file}`, from: { file: found.file } })
  }
  const { commit } = base
  const listed = await committed
  if (result && commit !== null && listed === null) throw new NoCleanTree('git did not list the commit before the work')
  const known = new Set(listed?.split('\0'))
  // What stays in `known` is not in the result any more, or not as it was.
  const differing = result?.entries.filter((entry) => !known.delete(lineOf(entry))) ?? []
  const programs = result ? await shadowingPrograms(ground, base, rules, result) : []
  for (const path of [...addedRunners(differing, base, rules), ...programs]) {
    const now = digestOf(await bytesOf(join(ground.root, path)))
    if (accepted.has(`${path}:${now}`)) continue
    hard.set(path, { path, kind: 'added', sha256: now, before: null })
    replaced.set(path, null)
  }
  const tests =
    result && commit !== null ? await changedTests(ground, { ...base, commit, known }, rules, differing) : []
  for (const { entry, change } of tests) {
    if (replaced.has(entry.path) || accepted.has(`${entry.path}:${change.sha256}`)) continue
    ;(rules.isHard(entry.path) ? hard : soft).set(entry.path, change)
    replaced.set(entry.path, entry)
  }
  const entries = result?.entries ?? []
  const isHard = (path: string) => hard.has(path)
  return {
    hard: [...hard.values()],
    soft: [...soft.values()],
    restored: replace(entries, replaced),
    hardRestored: replace(entries, new Map([...replaced].filter(([path]) => isHard(path)))),
  }
}

function replace(entries: readonly ResultEntry[], by: ReadonlyMap<string, ResultEntry | null>): ResultEntry[] {
  const kept = entries.filter((entry) => !by.has(entry.path))
  return [...kept, ...[...by.values()].filter((entry) => entry !== null)]
}

interface Found {
  change: Change
  mode: ResultEntry['mode']
  /** What takes its place. */
  file: string
}

async function changeOf(
  ground: Ground,
  base: Base,
  rules: Protection,
  { path, digest }: { path: string; digest: string },
): Promise<Found | null> {
  const before = copyOf(ground.folder, digest)
  const bytes = await bytesOf(join(ground.root, path))
  const now = digestOf(bytes)
  const mode = lookAt(before)?.executable ? '100755' : '100644'
  if (now === digest) return null
  const kind = bytes === null ? 'deleted' : 'changed'
  const change: Change = { path, kind, sha256: now, before }
  if (!rules.isInParts(path) || bytes === null) return { change, mode, file: before }
  const [was, is] = [(await textOf(before)) ?? '', decodeUtf8(bytes) ?? '']
  if (judgingPart(path, was, base.scripts) === judgingPart(path, is, base.scripts)) return null
  const merged = path.endsWith('package.json') ? withJudgingPart(is, was, base.scripts) : null
  if (merged === null) return { change, mode, file: before }
  return { change, mode, file: copyOf(ground.folder, await keepCopy(ground.folder, merged)) }
}

const digestOf = (bytes: Buffer | null): string => (bytes === null ? '' : sha256(bytes))

/** Null: no regular file is there. */
async function bytesOf(path: string): Promise<Buffer | null> {
  try {
    return (await readBounded(path, fileBytesMax)).bytes
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENOTREG', 'ELOOP'].includes(errnoOf(error))) return null
    throw error
  }
}

/** As git lists it of a commit. */
const lineOf = ({ path, mode, id }: ResultEntry): string =>
  `${mode} ${mode === '160000' ? 'commit' : 'blob'} ${id}\t${path}`

/** New ones that take over tests which were there before them, or the place of what judged. */
function addedRunners(differing: readonly ResultEntry[], base: Base, rules: Protection): string[] {
  const isAbove = (folder: string) => (tested: string) => folder === '.' || `${tested}/`.startsWith(`${folder}/`)
  const kept = new Set(Object.keys(base.copies))
  const takesOver = (path: string) =>
    rules.isRunner(path) && rules.isHard(path) && base.tested.some(isAbove(dirname(path)))
  return differing
    .filter(({ path, mode }) => mode !== '120000' && !kept.has(path) && (takesOver(path) || rules.replaces(path, kept)))
    .map(({ path }) => path)
}

/** The files of a commit. It takes git a while: ask beside the look at the work tree. */
export async function listCommitted({ git, root }: Ground, commit: string | null): Promise<string | null> {
  if (commit === null) return null
  return askGit({ ...git, cwd: root }, ['ls-tree', '-r', '-z', '--full-tree', commit], listBytesMax)
}

/** Committed tests that are not what they were; content and kind, not the mode alone. */
async function changedTests(
  ground: Ground,
  base: Base & { commit: string; known: Iterable<string> },
  rules: Protection,
  differing: readonly ResultEntry[],
): Promise<{ entry: ResultEntry; change: Change }[]> {
  const { commit, known } = base
  const now = new Map(differing.map((entry) => [entry.path, entry]))
  const found: { entry: ResultEntry; change: Change }[] = []
  for (const line of known) {
    const [, mode, id = '', path] = /^(100644|100755) \w+ ([0-9a-f]+)\t(.*)$/s.exec(line) ?? []
    if (path === undefined || (mode !== '100644' && mode !== '100755')) continue
    const lying = now.get(path)
    if (lying?.id === id || path in base.copies || !(rules.isSoft(path) || rules.isHard(path))) continue
    const kind = lying ? 'changed' : 'deleted'
    const digest = digestOf(await bytesOf(join(ground.root, path)))
    found.push({ entry: { path, mode, id, from: { commit } }, change: { path, kind, sha256: digest, before: null } })
    if (found.length >= filesMax) break
  }
  return found
}

/** The file as it was committed; null: git did not say, or it is larger than anybody reads. */
async function committedCopy({ git, root, folder }: Ground, commit: string, path: string): Promise<string | null> {
  const text = await askGit({ ...git, cwd: root }, ['cat-file', 'blob', `${commit}:${path}`], fileBytesMax)
  return text === null ? null : copyOf(folder, await keepCopy(folder, text))
}

/** The changes as a person reads them. */
export async function showChanges(ground: Ground, base: Base, changes: readonly Change[]): Promise<string> {
  const shown: string[] = []
  for (const change of changes.slice(0, changesShown)) {
    shown.push(`${change.kind}: ${change.path}`)
    const diff = await diffOf(ground, base, change)
    if (diff) shown.push(excerptOf(diff, 1_500))
  }
  if (changes.length > changesShown) shown.push(`and ${changes.length - changesShown} more`)
  return shown.join('\n')
}

async function diffOf(ground: Ground, base: Base, { path, kind, before }: Change): Promise<string | null> {
  if (kind === 'added') return null
  const git = { ...ground.git, cwd: ground.root }
  const was = before ?? (await committedCopy(ground, base.commit ?? 'HEAD', path))
  if (was === null) return null
  return diffFiles(git, [was, kind === 'deleted' ? '/dev/null' : join(ground.root, path)], diffBytesMax)
}
