/** What the page reads first. Where it opens on the tasks that is all that it shows, in one answer. */
import { asks } from './asks.svelte.ts'
import { daemon } from './daemon.svelte.ts'
import { api } from './door.svelte.ts'
import { type First, readState } from './live.svelte.ts'
import { router } from './router.svelte.ts'
import { tasks } from './tasks.svelte.ts'

/** No answer, or none without a login. */
const nobodyIsIn = [0, 401]
const onTasks = ['home', 'needs']

export async function readFirst(): Promise<First> {
  if (!onTasks.includes(router.route.name)) return readState()
  const answer = await api.home()
  if (!answer.ok) {
    // What was refused as a whole is read piece by piece: each says its own trouble.
    return nobodyIsIn.includes(answer.refusal.status) ? { answer, show: () => daemon.take(answer) } : readState()
  }
  const { state, asks: open, tasks: items } = answer.value
  const show = (epoch: number) => {
    asks.fill(open, epoch)
    tasks.fill(items, epoch)
    daemon.take({ ok: true, value: state })
  }
  return { answer: { ok: true, value: state }, show }
}
