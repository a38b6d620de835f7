/**
 * The sections of a skill, by a markdown parser: a `#` in a fence begins none. A long text is parsed beside the main
 * thread, so that a hostile one costs a thread and never the daemon.
 */
import type { List, Root, RootContent } from 'mdast'
import type { Clock } from '../core/clock.ts'
import type { SkillSection } from '../core/spec.ts'
import { canRunBeside, runBeside } from '../lib/beside.ts'
import { parseBlocks } from '../lib/markdown.ts'
import { oneByOne } from '../lib/one-by-one.ts'

export interface Outline {
  sections: SkillSection[]
  /** Items of the lists below "Verification", as written. */
  verifying: string[]
}

/** Up to here the main thread is quicker than starting a thread. */
const inlineCharsMax = 4_000
const limitMs = 10_000

/** Null: it is more tangled than any person writes. */
export type Outliner = (body: string) => Promise<Outline | null>

export function makeOutliner(clock: Clock): Outliner {
  // A folder full of hostile files must not start a thread for each.
  const inTurn = oneByOne()
  return async (body) => {
    if (body.length <= inlineCharsMax || !canRunBeside()) return outlineOf(body)
    const limits = { clock, timeoutMs: limitMs, memoryMb: 256 }
    return inTurn(() => runBeside<Outline>({ kind: 'outline', text: body }, limits))
  }
}

export function outlineOf(body: string): Outline | null {
  const tree = parseBlocks(body)
  if (tree === null) return null
  const { children: blocks } = tree
  const starts = blocks.flatMap((block, at) => (isHeading(block) ? [at] : []))
  const parts = starts.map((at, n) => blocks.slice(at, starts[n + 1] ?? blocks.length))
  const verifying = parts.find(([heading]) => heading && /^verification:?$/i.test(titleOf(body, heading)))
  return { sections: parts.map((part) => sectionOf(body, part)), verifying: itemsOf(body, verifying ?? []) }
}

const isHeading = (block: RootContent): boolean => block.type === 'heading' && block.depth <= 2
const startOf = (node: RootContent): number => node.position?.start.offset ?? 0
const endOf = (node: RootContent | Root): number => node.position?.end.offset ?? 0

function sectionOf(source: string, [heading, ...inside]: readonly RootContent[]): SkillSection {
  const last = inside.at(-1)
  const body = heading && last ? source.slice(endOf(heading), endOf(last)) : ''
  return { title: heading ? titleOf(source, heading) : '', body: body.replace(/^([ \t]*\n)+/, '').trimEnd() }
}

const titleOf = (source: string, heading: RootContent): string =>
  source
    .slice(startOf(heading), endOf(heading))
    .replace(/^#+[ \t]*/, '')
    .replace(/[ \t]+#+[ \t]*$/, '')
    .trim()

function itemsOf(source: string, blocks: readonly RootContent[]): string[] {
  const lists = blocks.filter((block): block is List => block.type === 'list')
  return lists.flatMap(({ children }) =>
    children.flatMap(({ children: [first] }) =>
      first?.type === 'paragraph' ? [source.slice(startOf(first), endOf(first)).trim()] : [],
    ),
  )
}
