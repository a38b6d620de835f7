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
}

export interface ToolFiles {
  files: readonly ToolFile[]
  /** Which look like tools and are none, and why. */
  left: readonly { name: string; why: string }[]
  /** Of all names and contents below the folder: a tool may load what lies beside it. */
  sha256: string
}

const filesMax = 20
const entriesMax = 500
const sizeBytesMax = 256 * 1024
const wholeBytesMax = 8 * 1024 * 1024

/** Null where there are none. What cannot be compared whole keeps all of them away: a tool may load it. */
export async function readToolFiles(workspace: string): Promise<ToolFiles | null> {
  const folder = await realPathInside(workspace, toolsFolder)
  const names = folder === null ? [] : await entriesIn(folder)
  const files: ToolFile[] = []
  const left: { name: string; why: string }[] = []
  const lines: string[] = []
  let room = wholeBytesMax
  let unsure = names.length < entriesMax ? null : { name: '', why: `there are more than ${entriesMax} files` }
  for (const name of names) {
    const path = join(String(folder), name)
    const { digest, sizeBytes } = await contentOf(path, room)
    room -= sizeBytes
    lines.push(`${name} ${digest}`)
    if (digest === null) unsure ??= { name, why: `it is a link, or larger than ${wholeBytesMax} bytes with the rest` }
    if (name.includes('/') || !codeEnding.test(name)) continue
    const why = noTool(name, sizeBytes) ?? (files.length < filesMax ? null : `there are more than ${filesMax}`)
    if (why === null) files.push({ name: name.slice(0, -4), path })
    else left.push({ name, why })
  }
  if (files.length + left.length === 0) return null
  const whole = { sha256: sha256(lines.join('\n')) }
  if (unsure === null) return { files, left, ...whole }
  return { files: [], left: [{ ...unsure, why: `${unsure.why}, so that none can be compared` }], ...whole }
}

const codeEnding = /\.[cm]?[jt]s$/

function noTool(name: string, sizeBytes: number): string | null {
  if (!name.endsWith('.mjs')) return 'a tool is a file that ends in .mjs'
  if (!/^[\w-]+\.mjs$/.test(name)) return 'its name may hold letters, digits, _ and - alone'
  return sizeBytes <= sizeBytesMax ? null : `it is larger than ${sizeBytesMax} bytes`
}

/** `digest` null: not all of it can be seen. */
async function contentOf(path: string, bytesMax: number): Promise<{ digest: string | null; sizeBytes: number }> {
  try {
    const { bytes, whole } = await readBounded(path, bytesMax)
    return { digest: whole ? sha256(bytes) : null, sizeBytes: bytes.length }
  } catch (error) {
    if (!['ENOENT', 'ENOTREG', 'ELOOP', 'EACCES'].includes(errnoOf(error))) throw error
    return { digest: null, sizeBytes: 0 }
  }
}

/** Paths below the folder, in order, up to the bound. */
async function entriesIn(folder: string): Promise<string[]> {
  const names: string[] = []
  const waiting = ['']
  for (let at = waiting.shift(); at !== undefined && names.length < entriesMax; at = waiting.shift()) {
    try {
      for await (const entry of await opendir(join(folder, at))) {
        const name = join(at, entry.name)
        if (entry.isDirectory()) waiting.push(name)
        else names.push(name)
        if (names.length + waiting.length >= entriesMax) break
      }
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR', 'EACCES'].includes(errnoOf(error))) throw error
    }
  }
  return names.sort()
}
