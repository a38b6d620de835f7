/** Does what was written behind a slash or a `!`, with what the session and the router can do. It asks nobody back. */
import { type CommandName, commandIn, lineIn, unknownIn } from '../model/commands.ts'
import { sessionHref } from '../model/routes.ts'
import { api } from './door.svelte.ts'
import { orders } from './orders.svelte.ts'
import { router } from './router.svelte.ts'
import type { OneSession } from './session.svelte.ts'

/** Null, now or later: it was refused, and the person was told. */
type Deed = (one: OneSession, argument: string) => Promise<unknown> | undefined | null

const goTo = (made: { id: string } | null): void => {
  if (made) router.go(sessionHref(made.id))
}

async function begin({ detail }: OneSession): Promise<void> {
  const { workspace = '', model = null } = detail?.session ?? {}
  const made = await api.createSession({ workspace, title: 'New session', agent: null, model })
  if (made.ok) goTo(made.value)
  else orders.refused('A new session was refused', made.refusal)
}

async function remember({ detail }: OneSession, text: string): Promise<true | null> {
  const kept = await api.remember(detail?.session.workspace ?? '', text)
  if (kept.ok) orders.say('ok', 'It is remembered.', 'Sessions in this repository read it from their next turn on.')
  else orders.refused('It was not remembered', kept.refusal)
  return kept.ok || null
}

/** The browser saves what a link with `download` leads to. */
function download(id: string, ending: string): void {
  const link = document.createElement('a')
  link.href = `/api${sessionHref(id)}/export?format=${ending === 'json' ? 'json' : 'markdown'}`
  link.download = `${id}.${ending === 'json' ? 'json' : 'md'}`
  link.click()
}

const deeds: Record<CommandName, Deed> = {
  compact: (one) => one.compact(),
  export: (one, ending) => {
    download(one.id, ending)
    return undefined
  },
  fork: async (one) => goTo(await one.fork(null)),
  model: (one, name) => one.setModel(name || null),
  new: begin,
  profile: (one, name) => one.setProfile(name || null),
  remember,
  rename: (one, title) => {
    if (title !== '') return one.rename(title)
    orders.say('danger', 'It was not renamed', 'Say the title behind it: /rename A better title')
    return null
  },
  sessions: () => {
    router.go('/sessions')
    return undefined
  },
  stop: (one) => one.abort(),
  archive: (one) => one.archive(true),
  undo: (one, what) => one.undo(what === 'files'),
}

/** Does what is no words for the agent: true where it was done, false where it was refused; null: these are words. */
export async function give(one: OneSession, text: string): Promise<boolean | null> {
  const unknown = unknownIn(text)
  if (unknown) {
    orders.say('danger', `There is no /${unknown}`, 'Write / to see what there is; a blank before it makes it words.')
    return false
  }
  const line = lineIn(text)
  if (line !== null) return one.type(line)
  const command = commandIn(text)
  if (!command) return null
  return (await deeds[command.name](one, command.argument)) !== null
}
