/** What the page's first view shows, in one answer: each question less is a wait less before a person sees anything. */
import { Hono } from 'hono'
import { describeRoute } from 'hono-openapi'
import type { TaskItem, TaskStatus } from '../../core/task.ts'
import type { AskItem, DaemonState } from '../api.ts'
import type { ServerWorld, Variables } from '../context.ts'
import { answers } from './answers.ts'
import { itemsOf } from './asks.ts'
import { asNow } from './tasks.ts'

/** `GET /api/home`. Tasks and asks were read after the state: they know all that its `seq` does, or more. */
export interface HomeView {
  state: DaemonState
  asks: AskItem[]
  /** Those that need a person, are at work, wait, and ended last, as many of each as the page shows. */
  tasks: TaskItem[]
}

const asksMax = 200
const open: readonly { statuses: readonly TaskStatus[]; limit: number }[] = [
  { statuses: ['paused', 'failed', 'waiting'], limit: 100 },
  { statuses: ['starting', 'running', 'verifying'], limit: 100 },
  { statuses: ['queued'], limit: 8 },
]
const endedMax = 20

export function homeRoutes(world: ServerWorld) {
  const { store } = world
  return new Hono<Variables>().get('/home', describeRoute(answers('All that the first view shows')), async (c) => {
    const state = await world.state()
    const asks = itemsOf(store.asks.list({ status: 'open', limit: asksMax }), world)
    const found = open.flatMap((query) => store.tasks.page(query).items)
    const tasks = asNow([...found, ...store.tasks.ended(['done', 'cancelled'], endedMax)], world)
    return c.json({ state, asks, tasks } satisfies HomeView)
  })
}
