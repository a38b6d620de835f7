/** The tools that a project brings, as files: hostile until a person took exactly these. None is run here. */
import { opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256 } from '../digest.ts'
import { errnoOf, readBounded, realPathInside } from '../files.ts'

export const toolsFolder = '.openloom/tools'

export interface ToolFile {
  /** Without the ending. */
  name: string
  /** Real path. */
  path: string
  sha256: string
}

export interface ToolFiles {
  files: readonly ToolFile[]
  /** Of all names and contents. */
  sha256: string
}

const filesMax = 20
const namesMax = 500
const sizeBytesMax = 256 * 1024

/** Null where there are none. A file that is too large or cannot be read is none. */
export async function readToolFiles(workspace: string): Promise<ToolFiles | null> {
  const folder = await realPathInside(workspace, toolsFolder)
  const names = folder === null ? [] : await namesIn(folder)
  const found = await Promise.all(names.map((name) => readToolFile(join(String(folder), name))))
  const files = found.flatMap((file) => file ?? [])
  if (files.length === 0) return null
  return { files, sha256: sha256(files.map((file) => `${file.name} ${file.sha256}`).join('\n')) }
}

export async function readToolFile(path: string): Promise<ToolFile | null> {
  try {
    const { bytes, whole } = await readBounded(path, sizeBytesMax)
    const name = /([\w-]+)\.mjs$/.exec(path)?.[1]
    return whole && name !== undefined ? { name, path, sha256: sha256(bytes) } : null
  } catch (error) {
    if (['ENOENT', 'ENOTREG', 'ELOOP', 'EACCES'].includes(errnoOf(error))) return null
    throw error
  }
}

async function namesIn(folder: string): Promise<string[]> {
  const names: string[] = []
  let seen = 0
  try {
    for await (const { name } of await opendir(folder)) {
      if (/^[\w-]+\.mjs$/.test(name)) names.push(name)
      if (++seen >= namesMax) break
    }
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR', 'EACCES'].includes(errnoOf(error))) throw error
  }
  return names.sort().slice(0, filesMax)
}
