/** What ⌘K offers: places, what can be done here, tasks and sessions by their words. Going is the router's. */
import { type Action, actionsOf, actionWords } from '../model/actions.ts'
import { places as allPlaces } from '../model/places.ts'
import { sessionHref, taskHref } from '../model/routes.ts'
import { prose } from '../model/text.ts'
import { clock } from './clock.svelte.ts'
import { api } from './door.svelte.ts'
import { orders } from './orders.svelte.ts'
import { router } from './router.svelte.ts'
import { theme } from './theme.svelte.ts'

export interface Entry {
  key: string
  /** What it is: a place, an action, a task, a session. */
  kind: string
  text: string
  about: string
  run: () => unknown
}

const foundMax = 6
const typingPauseMs = 120

const place = (text: string, href: string): Entry => {
  return { key: href, kind: 'go to', text, about: href, run: () => router.go(href) }
}

class Palette {
  /** `keys`: the list of keys instead. */
  open = $state<'palette' | 'keys' | null>(null)
  entries = $state.raw<Entry[]>([])
  chosen = $state(0)
  #question = 0
  #here: Promise<Entry[]> = Promise.resolve([])

  /** What can be done here is the same while somebody types. */
  begin(): void {
    this.#here = here()
    void this.look('')
  }

  /** A later letter makes an earlier answer worthless. */
  async look(typed: string): Promise<void> {
    const question = ++this.#question
    const q = typed.trim()
    const isWanted = ({ text }: Entry) => text.toLowerCase().includes(q.toLowerCase())
    const near = [...places(), ...(await this.#here)].filter(isWanted)
    if (question !== this.#question) return
    this.entries = near
    this.chosen = 0
    if (q) await new Promise<void>((go) => clock.after(typingPauseMs, go))
    if (question !== this.#question) return
    const found = await search(q)
    if (question === this.#question) this.entries = [...near, ...found]
  }

  step(by: 1 | -1): void {
    const { length } = this.entries
    if (length > 0) this.chosen = (this.chosen + by + length) % length
  }

  take(at = this.chosen): void {
    const entry = this.entries[at]
    this.open = null
    entry?.run()
  }
}

const places = (): Entry[] => [
  ...allPlaces.map(({ label, href }) => place(label, href)),
  place('New task', '/new'),
  place('Open on your phone', '/phone'),
  { key: 'theme', kind: 'do', text: 'Change the theme', about: theme.theme, run: () => theme.turn() },
  {
    key: 'keys',
    kind: 'do',
    text: 'Show all keys',
    about: '?',
    run: () => {
      palette.open = 'keys'
    },
  },
]

/** Only what loses nothing: the rest names first what it touches, and does so on its page. */
async function here(): Promise<Entry[]> {
  const { route } = router
  if (route.name !== 'task') return []
  const answer = await api.task(route.id)
  if (!answer.ok) return []
  const { task } = answer.value
  const entry = (action: Action): Entry => {
    const run = () => void orders.give(task, action, async () => undefined)
    return { key: action, kind: 'do', text: `${actionWords[action].label} this task`, about: prose(task.title), run }
  }
  return actionsOf[task.status].filter((action) => !actionWords[action].warning).map(entry)
}

async function search(q: string): Promise<Entry[]> {
  const [tasks, sessions] = await Promise.all([api.tasks({ q, limit: foundMax }), api.sessions(q, false, null)])
  const ofTasks = tasks.ok ? tasks.value.items : []
  const ofSessions = sessions.ok ? sessions.value.items.slice(0, foundMax) : []
  return [
    ...ofTasks.map(({ id, title, status }): Entry => {
      return { key: id, kind: 'task', text: prose(title), about: status, run: () => router.go(taskHref(id)) }
    }),
    ...ofSessions.map(({ id, title, runtime }): Entry => {
      const text = prose(title) || 'A session without a title'
      return { key: id, kind: 'session', text, about: prose(runtime), run: () => router.go(sessionHref(id)) }
    }),
  ]
}

export const palette = new Palette()
