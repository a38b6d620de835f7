/** What a call is about, taken apart: each command of its line, each path by where it really is. It judges nothing. */
import { homedir, tmpdir } from 'node:os'
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
  /** Other spellings of them, and what may be a path behind an option or a mark: for rules that forbid. */
  perhaps: string[]
  /** The workspace. */
  from: string
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

type Part = Pick<Facet, 'kind' | 'texts'> & Partial<Facet>

const facet = (from: string, part: Part): Facet => ({
  ...{ paths: [], perhaps: [], from, line: null, transparent: false, leaves: null },
  ...part,
})

export async function pathFacet(workspace: string, { kind, text }: Subject): Promise<Facet> {
  const path = await whereIs(workspace, text)
  return facet(workspace, { kind, texts: [path], paths: [path], perhaps: asWritten(workspace, text) })
}

export const otherFacet = (workspace: string, { kind, text }: Subject): Facet =>
  facet(workspace, { kind, texts: [text] })

/** Links not followed: a rule may name the link. */
function asWritten(workspace: string, path: string): string[] {
  const wanted = resolve(workspace, path)
  return [isInside(workspace, wanted) ? relative(workspace, wanted) || '.' : wanted]
}

/** From the workspace where it is inside, whatever links it runs through. */
async function whereIs(workspace: string, path: string): Promise<string> {
  const wanted = resolve(workspace, path)
  // A link out of the workspace is where it leads to; one that leads nowhere is where it stands.
  const real = (await realPathInside(workspace, path)) ?? (await realPathInside('/', wanted)) ?? wanted
  return isInside(workspace, real) ? relative(workspace, real) || '.' : real
}

export async function lineFacets(line: string, reading: Reading, place: Place): Promise<Facet[]> {
  const { workspace } = place
  // The line as a whole counts for who forbids; to permit, each of its parts must be permitted.
  const whole = facet(workspace, { kind: 'command', texts: [line], line, transparent: true })
  if (!reading.ok) return [whole, facet(workspace, { kind: 'command', texts: [unknown], paths: [unknown], line })]
  const base = baseOf(reading.commands)
  const movesHome = reading.commands.some(({ words, env }) => [...words, ...env].some((one) => one.startsWith('HOME=')))
  const home = movesHome || reading.variables.includes('HOME') ? unknown : homedir()
  const parts = reading.commands.map((command) => facetsOf(command, line, { ...place, base, home }))
  return [whole, ...(await Promise.all(parts)).flat()]
}

/** Where relative paths start from: a folder that `cd` names, or unknown. */
function baseOf(commands: readonly SimpleCommand[]): string {
  const moves = commands.filter((command) => /^(cd|pushd|popd)$/.test(nameOf(command)))
  if (moves.length === 0) return '.'
  const [to = unknown] = moves[0]?.words.slice(1) ?? []
  return moves.length === 1 && isLiteral(to) && !/^[-~]/.test(to) ? to : unknown
}

type Based = Place & { base: string; home: string }

async function facetsOf(command: SimpleCommand, line: string, place: Based): Promise<Facet[]> {
  const { words, env, also, transparent } = command
  const { workspace } = place
  const own: Facet[] = []
  if (words.length > 0 || env.length > 0) {
    const [name = '', ...rest] = words
    const texts = [quoted([...env, ...words]), quoted(words), [baseName(name), ...rest].join(' ')]
    const named = rest.flatMap(pathsIn)
    const isWriter = !transparent && writers.test(baseName(name))
    const looked = place.looksUpPaths ? await lookedUp(command, named, place) : { paths: [], perhaps: [] }
    const leaves = isWriter ? await firstOutside(named, place) : null
    const more = also.map((one) => one.join(' '))
    const all = [...new Set([...texts, ...more])]
    own.push(facet(workspace, { kind: 'command', texts: all, ...looked, line, transparent, leaves }))
  }
  for (const { kind, target } of command.redirects) {
    const { paths, perhaps } = await pathsAt([target], place)
    const leaves = kind === 'write' ? await firstOutside([target], place) : null
    own.push(facet(workspace, { kind, texts: paths, paths, perhaps, line, leaves }))
  }
  return own
}

/** A command that nobody knows may name anything. */
async function lookedUp({ words, env }: SimpleCommand, named: readonly string[], place: Based) {
  const [name = '', ...rest] = words
  const sure = await pathsAt(capped(isLiteral(name) ? named : [...named, unknown], wordsMax), place)
  const attached = [...new Set([...rest, ...env].flatMap(attachedIn))]
  const doubtful = await pathsAt(capped(attached, attachedMax), place)
  return { paths: sure.paths, perhaps: [...sure.perhaps, ...doubtful.paths, ...doubtful.perhaps] }
}

const capped = (words: readonly string[], max: number): readonly string[] =>
  words.length > max ? [...words.slice(0, max), unknown] : words

/** They change what their words name. */
const writers = /^(rm|rmdir|unlink|shred|mv|cp|ln|install|touch|mkdir|tee|truncate|dd|chmod|chown|chgrp|rsync)$/
const wordsMax = 200
const attachedMax = 300
const lettersMax = 10
const wordCharsMax = 4_096

/** A word, or what stands behind its `=`. An option without a value is no path. */
function pathsIn(word: string): string[] {
  const value = /^[\w-]+=(.+)$/s.exec(word)?.[1]
  if (value !== undefined) return [value]
  return word.startsWith('-') || word === '' || word.length > wordCharsMax ? [] : [word]
}

/** `-fkey`, `-czfkey`, `--file=key`, `@key`, `HEAD:key`: what a program may take for a path of its own. */
function attachedIn(word: string): string[] {
  if (word.length > wordCharsMax) return []
  const found = [...word.matchAll(/[=@:,]/g)].map(({ index }) => word.slice(index + 1))
  const letters = /^-[a-zA-Z]\w*/.exec(word)?.[0].slice(0, lettersMax) ?? ''
  for (let at = 2; at <= letters.length; at++) found.push(word.slice(at))
  return found.filter((one) => one !== '')
}

async function pathsAt(words: readonly string[], place: Based): Promise<Pick<Facet, 'paths' | 'perhaps'>> {
  const { workspace, base, home } = place
  const found = await Promise.all(
    words.map(async (written): Promise<[string[], string[]]> => {
      const word = /^~(\/|$)/.test(written) ? home + written.slice(1) : written
      if (!isLiteral(word)) return [[word], []]
      const wanted = isAbsolute(word) || !isLiteral(base) ? word : resolve(workspace, base, word)
      const real = await whereIs(workspace, wanted)
      const isLost = !isAbsolute(word) && !isLiteral(base)
      return [isLost ? [`${unknown}/${word}`, real] : [real], asWritten(workspace, wanted)]
    }),
  )
  return {
    paths: [...new Set(found.flatMap(([paths]) => paths))],
    perhaps: [...new Set(found.flatMap(([, written]) => written))],
  }
}

const temporary = [tmpdir(), '/tmp', '/var/tmp', '/dev']

async function firstOutside(words: readonly string[], place: Based): Promise<string | null> {
  const lost = isLiteral(place.home) ? undefined : words.find((word) => word.startsWith('~'))
  if (lost !== undefined) return lost
  const { paths } = await pathsAt(capped(words.filter(isLiteral), wordsMax), place)
  const out = (path: string) => isAbsolute(path) && !temporary.some((folder) => isInside(folder, path))
  return paths.find((path) => isLiteral(path) && out(path)) ?? null
}
