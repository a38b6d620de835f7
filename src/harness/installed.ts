/**
 * Installed packages that git ignores, as they were before the work: a clean checkout only borrows them, so a test
 * runner that was patched there would judge in both trees. It judges by content, never by time alone.
 */
import { mkdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as breathe } from 'node:timers/promises'
import { z } from 'zod'
import { reasonOf } from '../core/problem.ts'
import type { BlobIds } from '../lib/blob-ids.ts'
import { NoCleanTree } from '../lib/clean-repository.ts'
import { Dependencies } from '../lib/dependencies.ts'
import { sha256 } from '../lib/digest.ts'
import { decodeUtf8, errnoOf, readBounded, writeAtomic } from '../lib/files.ts'
import { listingOfGit } from '../lib/git.ts'
import { walkFiles } from '../lib/glob.ts'
import { lookAt } from '../lib/tree.ts'
import type { Change, Ground } from './pinned.ts'
import { isOnMachine } from './programs.ts'
import type { Protection } from './protect.ts'

/** What is beyond is not noted: reading it would hold the agent up for longer than seconds. */
const filesMax = 20_000
const sizeBytesMax = 256 * 1024 * 1024
const listBytesMax = 64 * 1024 * 1024
const changesMax = 100
const goSize = 200
/** Caches, which tools write as they run. */
const isCache = (path: string): boolean =>
  /(^|\/)(\.(?!bin\/|pnpm\/)[^/]*|__pycache__)(\/|$)/.test(path) || path.endsWith('.pyc')

/** Where packages are declared, beside the folder that holds them. */
const manifests = [
  ...['package.json', 'package-lock.json', 'npm-shrinkwrap.json', 'yarn.lock', 'pnpm-lock.yaml', 'bun.lock'],
  ...['requirements.txt', 'pyproject.toml', 'poetry.lock', 'uv.lock', 'Pipfile.lock', 'setup.cfg', 'setup.py'],
]

const notesSchema = z.strictObject({
  version: z.literal(1),
  /** Dependency folders, each with what was declared beside it. */
  folders: z.record(z.string(), z.string()),
  /** Ids of files and targets of links. */
  files: z.record(z.string(), z.string()),
})
type Notes = z.infer<typeof notesSchema>

const notesFile = (folder: string): string => join(folder, 'installed.json')

export async function noteInstalled(ground: Ground, ids: BlobIds): Promise<void> {
  const folders: Notes['folders'] = {}
  const paths: string[] = []
  let room = sizeBytesMax
  for (const folder of await foldersOf(ground)) {
    folders[folder] = await declaredBeside(ground, folder)
    const limits = { entriesMax: 2 * filesMax, skip: [] }
    await walkFiles(join(ground.root, folder), limits, (name) => {
      if (paths.length < filesMax && !isCache(name)) paths.push(`${folder}/${name}`)
    })
  }
  if (paths.length === 0 && Object.keys(folders).length === 0) return
  const kept: string[] = []
  for (const path of paths) {
    room -= lookAt(`${ground.root}/${path}`)?.sizeBytes ?? 0
    if (room < 0) break
    kept.push(path)
  }
  const notes: Notes = { version: 1, folders, files: Object.fromEntries(await idsOf(ground, ids, kept)) }
  await mkdir(ground.folder, { recursive: true, mode: 0o700 })
  await writeAtomic(notesFile(ground.folder), JSON.stringify(notes), { mode: 0o600 })
}

/** Files of packages that are not what they were, though nobody declares another version of them. */
export async function changedInstalled(ground: Ground, ids: BlobIds, rules: Protection): Promise<Change[]> {
  const notes = await readNotes(ground)
  if (!notes) return []
  const now = await idsOf(ground, ids, Object.keys(notes.files))
  const found = Object.keys(notes.files).filter((path) => now.get(path) !== notes.files[path])
  const touched = new Set<string>()
  for (const folder of Object.keys(notes.folders)) {
    const declared = (await declaredBeside(ground, folder)) !== notes.folders[folder]
    for (const path of found.filter((one) => one.startsWith(`${folder}/`))) {
      const isUpgrade = declared && (!isPackaged(path, notes) || found.includes(manifestOf(path)))
      const isGone = now.get(path) === undefined && !isLeft(ground, path)
      if (!isUpgrade && !isGone) touched.add(path)
    }
    for (const path of await shadowsIn(ground, join(folder, '.bin'), rules)) {
      if (!(path in notes.files)) touched.add(path)
    }
  }
  return [...touched].slice(0, changesMax).map((path) => {
    const kind = path in notes.files ? (now.has(path) ? 'changed' : 'deleted') : 'added'
    return { path, kind, sha256: sha256(`${path} ${now.get(path) ?? ''}`), before: null }
  })
}

async function foldersOf({ root, git, isGit }: Ground): Promise<string[]> {
  const asked = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const listed = isGit ? await listingOfGit({ ...git, cwd: root }, asked, listBytesMax) : []
  return new Dependencies(root, root).find(listed.map((path) => ({ path })))
}

/** Those that are there. */
async function idsOf({ root, git }: Ground, ids: BlobIds, paths: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  const files: { path: string; mark: string; changedAt: number }[] = []
  for (const [index, path] of paths.entries()) {
    if (index % goSize === goSize - 1) await breathe()
    const stat = lookAt(`${root}/${path}`)
    if (stat?.kind === 'file') files.push({ path, mark: stat.mark, changedAt: stat.changedAt })
    else if (stat?.kind === 'link') found.set(path, `link ${await readlink(join(root, path))}`)
  }
  const hashed = await ids.of({ ...git, cwd: root }, files)
  if (!hashed) throw new NoCleanTree('installed packages changed while they were read')
  for (const [index, { path }] of files.entries()) found.set(path, hashed[index] ?? '')
  return found
}

/** A file of a package with a manifest of its own, which says its version. */
const isPackaged = (path: string, { files }: Notes): boolean =>
  packageOf(path) !== '' && !path.includes('/.bin/') && !files[path]?.startsWith('link ')

const packageOf = (path: string): string => /^(.*\bnode_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? ''
const manifestOf = (path: string): string => `${packageOf(path)}/package.json`

/** A package that was taken away as a whole judges nothing any more. */
const isLeft = ({ root }: Ground, path: string): boolean =>
  packageOf(path) !== '' && !path.includes('/.bin/') && lookAt(join(root, packageOf(path))) !== null

async function declaredBeside({ root }: Ground, folder: string): Promise<string> {
  const parts: string[] = []
  for (const name of manifests) parts.push(`${name} ${await digestOf(join(root, folder, '..', name))}`)
  return sha256(parts.join('\n'))
}

async function digestOf(path: string): Promise<string> {
  try {
    return sha256((await readBounded(path, listBytesMax)).bytes)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENOTREG', 'ELOOP'].includes(errnoOf(error))) return ''
    throw error
  }
}

async function shadowsIn(ground: Ground, folder: string, rules: Protection): Promise<string[]> {
  const found: string[] = []
  await walkFiles(join(ground.root, folder), { entriesMax: filesMax, skip: [] }, (name) => {
    if (rules.isProgram(name) && isOnMachine(name, ground)) found.push(`${folder}/${name}`)
  })
  return found
}

async function readNotes({ folder }: Ground): Promise<Notes | null> {
  try {
    const { bytes } = await readBounded(notesFile(folder), listBytesMax)
    return notesSchema.parse(JSON.parse(decodeUtf8(bytes) ?? ''))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null
    throw new NoCleanTree(`what was noted of the installed packages cannot be read (${reasonOf(error)})`)
  }
}
