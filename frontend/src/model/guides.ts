/** Words for the files that tell agents how to work. Pure. */
import type { GuideFile, NotCounted } from '../../../src/core/session.ts'
import { bytes, count, shortPath } from './format.ts'
import type { Look } from './words.ts'

export const placeWords = ({ kind, from }: GuideFile): string =>
  kind === 'memory'
    ? 'memory of the repository'
    : { user: 'yours', project: 'of the project', import: 'imported' }[from]

const notCounted: Record<NotCounted, Look> = {
  beside: { word: 'not read', tone: 'idle', mark: 'dash' },
  unreadable: { word: 'empty or no text', tone: 'attention', mark: 'question' },
  'no-room': { word: 'no room left', tone: 'attention', mark: 'bar' },
  untrusted: { word: 'only data', tone: 'attention', mark: 'ring' },
}

export const whyWords: Record<NotCounted, string> = {
  beside: 'Another file beside it is read instead: of AGENTS.md, AGENT.md and CLAUDE.md the first that is there.',
  unreadable: 'It is empty, no UTF-8 text, or leads out of the project.',
  'no-room': 'What was read before it has taken all the room there is.',
  untrusted: 'This folder was called read-only or untrusted: agents get its words as data, not as instructions.',
}

export function lookOfGuide({ sizeBytes, why }: GuideFile): Look {
  if (sizeBytes === null) return { word: 'not there yet', tone: 'idle', mark: 'dash' }
  return why === null ? { word: 'read', tone: 'ok', mark: 'closed' } : notCounted[why]
}

/** Its size, and how much of it a model gets where that is not all. */
export function sizeOfGuide({ sizeBytes, shownChars, why }: GuideFile): string {
  if (sizeBytes === null) return ''
  const isCut = (why === null || why === 'untrusted') && shownChars < sizeBytes * 0.9 - 200
  return isCut ? `${bytes(sizeBytes)}, ${count(shownChars, 'character')} shown` : bytes(sizeBytes)
}

/** As short as it is still one of these: what lies in the repository by its path there. */
export function nameOfGuide({ path, kind }: Pick<GuideFile, 'path' | 'kind'>, root: string): string {
  if (kind === 'memory') return path.split('/').at(-1) ?? path
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : shortPath(path)
}
