/** What stands around the work, one line each: its state in a word and where more is said. Pure. */
import type { DaemonState } from '../../../src/server/api.ts'
import { count, figure, shortPath } from './format.ts'
import { firstLine, prose } from './text.ts'
import type { Look } from './words.ts'

export interface Card {
  key: string
  name: string
  detail: string
  look: Look
  href: string
}

const good = (word: string): Look => ({ word, tone: 'ok', mark: 'closed' })
const bad = (word: string): Look => ({ word, tone: 'attention', mark: 'ring' })
const lost = (word: string): Look => ({ word, tone: 'danger', mark: 'cross' })

/** Whoever leaves agents alone and is told by nobody should know that. */
const untold: Card = {
  key: 'untold',
  name: 'notifications',
  detail: 'no webhook, file or chat is told anything',
  look: { word: 'none', tone: 'idle', mark: 'ring' },
  href: '/notifications',
}

export function cardsOf({ inbox, sandbox, runtimes, sinks }: DaemonState): Card[] {
  return [
    {
      key: 'inbox',
      name: 'inbox',
      detail: shortPath(prose(inbox.dir)),
      look: inbox.watching ? good('watched') : bad('not watched'),
      href: '/inbox',
    },
    {
      key: 'sandbox',
      name: 'sandbox',
      detail: firstLine(sandbox.detail),
      look: sandbox.kind === 'none' ? bad('none') : good(sandbox.kind),
      href: '/settings',
    },
    ...runtimes.map((runtime) => ({
      key: `runtime ${runtime.name}`,
      name: runtime.name,
      detail: firstLine(runtime.detail),
      look: runtime.ready ? good('ready') : bad('not ready'),
      href: '/settings',
    })),
    ...(sinks.length === 0 ? [untold] : []),
    ...sinks.map(({ id, label, pending, dead }) => ({
      key: `sink ${id}`,
      name: prose(id),
      detail: firstLine(label),
      look:
        dead > 0
          ? lost(count(dead, 'dead letter'))
          : pending > 0
            ? bad(`${figure(pending)} waiting`)
            : good('nothing waits'),
      href: '/notifications',
    })),
  ]
}
