/** Looking at the workspace on behalf of a check: one gate for every path, bounded reads, and results with evidence. */
import type { Stats } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import type { CheckContext, CheckOutcome, CheckResult, Evidence } from '../core/check.ts'
import { sha256 } from '../lib/digest.ts'
import { decodeUtf8, errnoOf, isInside, readBounded, realPathInside } from '../lib/files.ts'

const result =
  (outcome: CheckOutcome) =>
  (evidence: Evidence): CheckResult => ({ outcome, evidence })

export const pass = result('pass')
export const fail = result('fail')
export const failedToLook = result('error')

export const fileBytesMax = 8 * 1024 * 1024

export type Looked<T> = { ok: true; value: T } | { ok: false; result: CheckResult }

/** The real path behind `path`. What a task asks for outside is an error; where the agent's symlink leads, a fail. */
export async function resolveInside(context: CheckContext, path: string): Promise<Looked<string>> {
  if (context.signal.aborted) return { ok: false, result: aborted(path) }
  const real = await realPathInside(context.workspace, path)
  if (real !== null) return { ok: true, value: real }
  if (isAbsolute(path) && !isInside(context.workspace, path)) {
    return { ok: false, result: failedToLook({ subject: path, summary: `${path} is outside the workspace.` }) }
  }
  const summary = `${path} leads out of the workspace, or to nowhere, through a symlink.`
  return { ok: false, result: fail({ subject: path, summary }) }
}

export interface Found {
  real: string
  stat: Stats
}

/** What is there, or null when nothing is. Never opens it. */
export async function findInside(context: CheckContext, path: string): Promise<Looked<Found | null>> {
  const place = await resolveInside(context, path)
  if (!place.ok) return place
  try {
    return { ok: true, value: { real: place.value, stat: await lstat(place.value) } }
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error))) return { ok: true, value: null }
    return { ok: false, result: unreadable(path, error) }
  }
}

export interface ReadFile {
  bytes: Buffer
  sha256: string
}

/** A whole regular file of at most `sizeBytesMax`; everything else is a result that says why not. */
export async function readInside(context: CheckContext, path: string, sizeBytesMax: number): Promise<Looked<ReadFile>> {
  const found = await findInside(context, path)
  if (!found.ok) return found
  if (!found.value) return { ok: false, result: fail({ subject: path, summary: `${path} does not exist.` }) }
  if (!found.value.stat.isFile()) {
    const summary = `${path} is ${kindOf(found.value.stat)}, not a file.`
    return { ok: false, result: fail({ subject: path, summary }) }
  }
  try {
    const { bytes, whole } = await readBounded(found.value.real, sizeBytesMax)
    if (whole) return { ok: true, value: { bytes, sha256: sha256(bytes) } }
    const sizeBytes = found.value.stat.size
    const summary = `${path} has ${sizeBytes} bytes; a check reads at most ${sizeBytesMax}.`
    return { ok: false, result: failedToLook({ subject: path, summary, sizeBytes }) }
  } catch (error) {
    return { ok: false, result: unreadable(path, error) }
  }
}

/** As readInside, for text: other bytes than UTF-8 are a fail. */
export async function readTextInside(
  context: CheckContext,
  path: string,
  sizeBytesMax: number,
): Promise<Looked<ReadFile & { text: string }>> {
  const read = await readInside(context, path, sizeBytesMax)
  if (!read.ok) return read
  const text = decodeUtf8(read.value.bytes)
  if (text !== null) return { ok: true, value: { ...read.value, text } }
  const { bytes, sha256: digest } = read.value
  const evidence = { subject: path, summary: `${path} is not UTF-8 text.`, sha256: digest, sizeBytes: bytes.length }
  return { ok: false, result: fail(evidence) }
}

export const aborted = (subject: string): CheckResult =>
  failedToLook({ subject, summary: 'The check was stopped before it came to an end.' })

export const unreadable = (subject: string, error: unknown): CheckResult =>
  failedToLook({ subject, summary: `${subject} cannot be read (${errnoOf(error)}).` })

export function kindOf(stat: Stats): string {
  if (stat.isFile()) return 'a file'
  if (stat.isDirectory()) return 'a folder'
  if (stat.isFIFO()) return 'a named pipe'
  if (stat.isSocket()) return 'a socket'
  return 'a device'
}
