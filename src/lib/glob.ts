/**
 * Globs over a folder, with bounds. Accepts only patterns whose cost is known (few stars, no regular expressions in
 * disguise), never follows a symlink and never leaves the folder.
 */
import type { Dirent } from 'node:fs'
import { opendir } from 'node:fs/promises'
import { join } from 'node:path'
import picomatch from 'picomatch'
import { errnoOf } from './files.ts'

export const globCharsMax = 500

/** Why a pattern is refused, or null. */
export function globFault(pattern: string): string | null {
  if (pattern === '') return 'The pattern is empty.'
  if (pattern.length > globCharsMax) return `The pattern is longer than ${globCharsMax} characters.`
  if (pattern.startsWith('/') || pattern.split('/').includes('..')) return 'The pattern must stay inside the workspace.'
  if (/[()\\\0]|\.\.|^!/.test(pattern)) return 'Only *, **, ?, [classes] and {a,b} are known.'
  const parts = pattern.split('/')
  // Each further star multiplies the ways to match one name; three keep the worst case in microseconds.
  if (parts.some((part) => part !== '**' && part.split('*').length > 4)) return 'More than three stars in one name.'
  if (parts.filter((part) => part === '**').length > 3) return 'More than three ** in one pattern.'
  return pattern.split('{').length > 4 ? 'More than three {…} in one pattern.' : null
}

/** Whether a relative path (with `/`) matches one of the patterns; dot files count as files. */
export function globMatcher(patterns: readonly string[]): (path: string) => boolean {
  const matchers = patterns.map((pattern) => picomatch(pattern, { dot: true, noextglob: true, nonegate: true }))
  return (path) => matchers.some((matches) => matches(path))
}

export interface WalkLimits {
  entriesMax: number
  signal?: AbortSignal
  /** Folders with these names are not entered. */
  skip: readonly string[]
}

/** `unreadable`: a folder may not be read, or the whole root is not there; the count so far says nothing. */
export type WalkEnd = 'complete' | 'too-many' | 'aborted' | 'unreadable'

/** Calls `see` for each file (relative path, with `/`) below the folder. Symlinks are seen and not followed. */
export async function walkFiles(
  root: string,
  limits: WalkLimits,
  see: (path: string, entry: Dirent) => void,
): Promise<WalkEnd> {
  const folders = ['']
  let entries = 0
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    try {
      for await (const entry of await opendir(join(root, folder), { bufferSize: 256 })) {
        if (limits.signal?.aborted) return 'aborted'
        if (++entries > limits.entriesMax) return 'too-many'
        const path = folder === '' ? entry.name : `${folder}/${entry.name}`
        if (!entry.isDirectory()) see(path, entry)
        else if (!limits.skip.includes(entry.name)) folders.push(path)
      }
    } catch (error) {
      // A folder that went away meanwhile holds nothing.
      if (folder === '' || !['ENOENT', 'ENOTDIR'].includes(errnoOf(error))) return 'unreadable'
    }
  }
  return 'complete'
}
