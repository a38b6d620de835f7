/**
 * What a command reports of its tests, in a file that it writes or on its stdout. A file that was there before and was
 * not written anew is nobody's report: the agent could have put it there.
 */
import { basename, join } from 'node:path'
import type { Census, CheckContext } from '../core/check.ts'
import { type CensusFormat, mergeCensus, readCensus, reportCharsMax } from '../lib/census/index.ts'
import { exists } from '../lib/files.ts'
import { isWrittenSince, type Moment, momentOf } from '../lib/fresh.ts'
import { globMatcher, walkFiles } from '../lib/glob.ts'
import { readTextInside } from './look.ts'

const filesMax = 500
const entriesMax = 500_000
export const stdoutBytesMax = 16 * 1024 * 1024

export type Report = { census: Census | null } | { fault: string }

/** Keeps what a command says on stdout, up to a limit; what is longer is no report that anybody reads here. */
export class Stdout {
  private chunks: Buffer[] = []
  private sizeBytes = 0

  readonly push = (chunk: Buffer): void => {
    this.sizeBytes += chunk.length
    if (this.sizeBytes > stdoutBytesMax) this.chunks = []
    else this.chunks.push(chunk)
  }

  census(root: string): Census | null {
    return readCensus(Buffer.concat(this.chunks).toString('utf8'), undefined, root)
  }
}

/** The files behind the pattern, as they are before the command runs. */
export async function beforeReport(pattern: string, context: CheckContext): Promise<Moment> {
  return momentOf((await reportsOf(pattern, context)).map((path) => join(context.workspace, path)))
}

export async function readReports(pattern: string, before: Moment, context: CheckContext): Promise<Report> {
  const found = await reportsOf(pattern, context)
  const parts: Census[] = []
  let left = reportCharsMax
  for (const path of found) {
    if (!(await isWrittenSince(before, join(context.workspace, path)))) continue
    const read = await readTextInside(context, path, left)
    if (!read.ok) return { fault: `The report ${path} cannot be read: ${read.result.evidence.summary}` }
    left = Math.max(1, left - read.value.bytes.length)
    const census = readCensus(read.value.text, formatOf(path), context.workspace)
    if (!census) return { fault: `The report ${path} is cut off, or of no form that is known.` }
    parts.push(census)
  }
  const census = mergeCensus(parts)
  if (census) return { census }
  const [first] = found
  const isThere = first !== undefined && (await exists(join(context.workspace, first)))
  const why = isThere ? `${first} is there, but this run did not write it.` : 'No such file is there.'
  return { fault: `The command wrote no report at ${pattern}. ${why}` }
}

const formatOf = (path: string): CensusFormat | undefined =>
  ({ xml: 'junit', sarif: 'sarif', tap: 'tap' })[basename(path).split('.').at(-1) ?? ''] as CensusFormat | undefined

async function reportsOf(pattern: string, { workspace, signal }: CheckContext): Promise<string[]> {
  if (!/[*?[{]/.test(pattern)) return [pattern]
  const matches = globMatcher([pattern])
  const found: string[] = []
  await walkFiles(workspace, { entriesMax, signal, skip: ['.git', 'node_modules'] }, (path, entry) => {
    if (entry.isFile() && matches(path) && found.length < filesMax) found.push(path)
  })
  return found.sort()
}
