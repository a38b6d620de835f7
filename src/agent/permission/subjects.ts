/** What a call is about, taken apart: each command of its line, each path by where it really is. It judges nothing. */
import { tmpdir } from 'node:os'
import { isAbsolute, relative, resolve } from 'node:path'
import type { Subject } from '../../core/tool.ts'
import { isInside, realPathInside } from '../../lib/files.ts'
import { nameOf, type Reading, type SimpleCommand } from './shell.ts'
import { isLiteral, quoted, unknown } from './words.ts'
import { baseName } from './wrappers.ts'

/** One thing that a call does. */
export interface Facet {
  kind: Subject['kind']
  /** The first is what it is; the others say the same in other words, for rules that forbid. */
  texts: string[]
  /** Paths that it is about or names, from the workspace; those outside are absolute. */
  paths: string[]
  /** The whole shell line that it is a part of. */
  line: string | null
  /** Only a way to start what stands beside it. */
  transparent: boolean
  /** It writes to a place outside of the workspace and of temporary folders. */
  leaves: string | null
}

export interface Place {
  workspace: string
  /** Whether paths in shell lines matter to any rule: to look them up costs. */
  looksUpPaths: boolean
}

const facet = (part: Pick<Facet, 'kind' | 'texts'> & Partial<Facet>): Facet => ({
  ...{ paths: [], line: null, transparent: false, leaves: null },
  ...part,
})

export async function pathFacet(workspace: string, { kind, text }: Subject): Promise<Facet> {
  const path = await whereIs(workspace, text)
  return facet({ kind, texts: [path], paths: [path] })
}

/** From the workspace where it is inside, whatever links it runs through. */
async function whereIs(workspace: string, path: string): Promise<string> {
  const wanted = resolve(workspace, path)
  // A link out of the workspace is where it leads to; one that leads nowhere is where it stands.
  const real = (await realPathInside(workspace, path)) ?? (await realPathInside('/', wanted)) ?? wanted
  return isInside(workspace, real) ? relative(workspace, real) || '.' : real
}

export async function lineFacets(line: string, reading: Reading, place: Place): Promise<Facet[]> {
  // The line as a whole counts for who forbids; to permit, each of its parts must be permitted.
  const whole = facet({ kind: 'command', texts: [line], line, transparent: true })
  if (!reading.ok) return [whole, facet({ kind: 'command', texts: [unknown], paths: [unknown], line })]
  const base = baseOf(reading.commands)
  const parts = reading.commands.map((command) => facetsOf(command, line, { ...place, base }))
  return [whole, ...(await Promise.all(parts)).flat()]
}

/** Where relative paths start from: a folder that `cd` names, or unknown. */
function baseOf(commands: readonly SimpleCommand[]): string {
  const moves = commands.filter((command) => /^(cd|pushd|popd)$/.test(nameOf(command)))
  if (moves.length === 0) return '.'
  const [to = unknown] = moves[0]?.words.slice(1) ?? []
  return moves.length === 1 && isLiteral(to) && !/^[-~]/.test(to) ? to : unknown
}

type Based = Place & { base: string }

async function facetsOf(command: SimpleCommand, line: string, place: Based): Promise<Facet[]> {
  const { words, env, also, transparent } = command
  const own: Facet[] = []
  if (words.length > 0 || env.length > 0) {
    const [name = '', ...rest] = words
    const texts = [quoted([...env, ...words]), quoted(words), [baseName(name), ...rest].join(' ')]
    const named = rest.flatMap(pathsIn)
    const isWriter = !transparent && writers.test(baseName(name))
    const paths = place.looksUpPaths ? await pathsAt(named, place) : []
    const leaves = isWriter ? await firstOutside(named, place) : null
    const more = also.map((one) => one.join(' '))
    own.push(facet({ kind: 'command', texts: [...new Set([...texts, ...more])], paths, line, transparent, leaves }))
  }
  for (const { kind, target } of command.redirects) {
    const paths = await pathsAt([target], place)
    const leaves = kind === 'write' ? await firstOutside([target], place) : null
    own.push(facet({ kind, texts: paths, paths, line, leaves }))
  }
  return own
}

/** They change what their words name. */
const writers = /^(rm|rmdir|unlink|shred|mv|cp|ln|install|touch|mkdir|tee|truncate|dd|chmod|chown|chgrp|rsync)$/
const wordsMax = 200

/** A word, or what stands behind its `=`. An option without a value is no path. */
function pathsIn(word: string): string[] {
  const value = /^[\w-]+=(.+)$/s.exec(word)?.[1]
  if (value !== undefined) return [value]
  return word.startsWith('-') || word === '' || word.length > 4_096 ? [] : [word]
}

async function pathsAt(words: readonly string[], { workspace, base }: Based): Promise<string[]> {
  const found = await Promise.all(
    words.slice(0, wordsMax).map(async (word) => {
      if (!isLiteral(word)) return [word]
      if (isAbsolute(word) || word.startsWith('~'))
        return [word.startsWith('~') ? word : await whereIs(workspace, word)]
      if (!isLiteral(base)) return [`${unknown}/${word}`, await whereIs(workspace, word)]
      return [await whereIs(workspace, resolve(workspace, base, word))]
    }),
  )
  const rest = words.length > wordsMax ? [unknown] : []
  return [...new Set([...found.flat(), ...rest])]
}

const temporary = [tmpdir(), '/tmp', '/var/tmp', '/dev']

async function firstOutside(words: readonly string[], place: Based): Promise<string | null> {
  const literal = words.filter(isLiteral)
  const paths = await pathsAt(literal, place)
  const out = (path: string) =>
    path.startsWith('~') || (isAbsolute(path) && !temporary.some((folder) => isInside(folder, path)))
  return paths.find((path) => isLiteral(path) && out(path)) ?? null
}
