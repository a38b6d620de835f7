/** How sessions stand together, and how a transcript that is read again meets the one that is shown. Pure. */
import type { TranscriptMessage } from '../../../src/core/session.ts'
import type { ContextUse, SessionItem } from '../../../src/server/api.ts'

/** Folders in the order of their newest session; inside, the order of the list. */
export function byWorkspace(items: readonly SessionItem[]): { workspace: string; items: SessionItem[] }[] {
  const groups = new Map<string, SessionItem[]>()
  for (const item of items) groups.set(item.workspace, [...(groups.get(item.workspace) ?? []), item])
  return [...groups].map(([workspace, found]) => ({ workspace, items: found }))
}

/**
 * The newest page over what is shown: older pages that were opened stay, and a message that is as it was stays the same
 * object, so that nothing of it is drawn again. `joined` is false where the two have nothing in common.
 */
export function joinPage(
  shown: readonly TranscriptMessage[],
  page: readonly TranscriptMessage[],
): { messages: TranscriptMessage[]; joined: boolean } {
  const known = new Map(shown.map((message) => [message.id, message]))
  const first = page.find(({ id }) => known.has(id))
  const start = first ? shown.findIndex(({ id }) => id === first.id) : 0
  const fresh = page.map((message) => {
    const before = known.get(message.id)
    return before && JSON.stringify(before) === JSON.stringify(message) ? before : message
  })
  return { messages: [...shown.slice(0, start), ...fresh], joined: first !== undefined }
}

/** A path of a diff as the file system knows it: a relative one is below the folder of the session. */
export const fullPath = (workspace: string, path: string): string =>
  path.startsWith('/') ? path : `${workspace.replace(/\/$/, '')}/${path}`

const sourceWords: Record<keyof ContextUse['sources'], string> = {
  system: 'system prompt',
  instructions: 'instructions',
  memory: 'memory',
  plan: 'accepted plan',
  tools: 'tools',
  messages: 'messages',
  results: 'results of tools',
  summary: 'summary',
}

export interface Share {
  name: keyof ContextUse['sources']
  word: string
  tokens: number
  /** Of the window. */
  percent: number
}

/** Where the tokens come from, the most first; what has none is left out. */
export function sharesOf({ sources, windowTokens }: ContextUse): Share[] {
  return (Object.keys(sourceWords) as (keyof typeof sourceWords)[])
    .map((name) => {
      const tokens = sources[name]
      return { name, word: sourceWords[name], tokens, percent: (tokens / Math.max(1, windowTokens)) * 100 }
    })
    .filter(({ tokens }) => tokens > 0)
    .sort((a, b) => b.tokens - a.tokens)
}
