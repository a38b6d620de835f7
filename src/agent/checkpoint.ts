/**
 * What the files that a call names were right before it and right after, kept outside of the workspace: nobody's index
 * or branch is touched. What a command of the shell changes by itself it does not see.
 */
import { resolve } from 'node:path'
import type { FileMoment, FileState } from '../core/session.ts'
import type { AnyTool } from '../core/tool.ts'
import { Blobs, readNow } from '../lib/blobs.ts'
import { realPathInside } from '../lib/files.ts'

const fileBytesMax = 8 * 1024 * 1024
const runBytesMax = 256 * 1024 * 1024
const pathsMax = 50

export class Checkpoint {
  private readonly blobs: Blobs
  private bytesLeft = runBytesMax

  constructor(dir: string) {
    this.blobs = new Blobs(dir)
  }

  moments(paths: readonly string[]): FileMoment[] {
    return paths.map((path) => ({ path, state: this.keep(path) }))
  }

  private keep(path: string): FileState {
    const now = readNow(path, Math.min(fileBytesMax, this.bytesLeft))
    if (now === null || now === 'unknown') return now
    this.bytesLeft -= now.bytes.length
    return { sha256: this.blobs.put(now.bytes), mode: now.mode }
  }
}

/** Real paths of the files that a call would write. */
export async function writtenBy(tool: AnyTool, input: unknown, workspace: string): Promise<string[]> {
  const named = (tool.subjects?.(input) ?? []).filter(({ kind }) => kind === 'write').slice(0, pathsMax)
  const paths = await Promise.all(named.map(({ text }) => realPathInside('/', resolve(workspace, text))))
  return [...new Set(paths.flatMap((path) => path ?? []))]
}
