/** A store in memory, a runtime whose sessions the test tells of, and those who keep and answer. */
import { onTestFinished } from 'vitest'
import type { LoomEvent } from '../../src/core/event.ts'
import type { TaskSpec } from '../../src/core/spec.ts'
import type { Task } from '../../src/core/task.ts'
import type { AskSettings } from '../../src/harness/ask-rules.ts'
import { AskDesk } from '../../src/harness/asks.ts'
import { SessionKeeper } from '../../src/harness/keeper.ts'
import { openLog, Secrets } from '../../src/lib/log.ts'
import { openStore, type Store } from '../../src/store/open.ts'
import { HandClock } from './clock.ts'
import { HandRuntime, HandWatch } from './runtime.ts'
import { specFrom, taskFrom } from './tasks.ts'

export interface WatchWorld {
  clock: HandClock
  store: Store
  runtime: HandRuntime
  watch: HandWatch
  desk: AskDesk
  keeper: SessionKeeper
  changes: string[][]
  alarms: Map<string, string>
  /** Until what was told is written. */
  written(): Promise<void>
  /** A running task whose session this is. */
  task(sessionId: string, spec?: Partial<TaskSpec>): Task
  events(type?: LoomEvent['type']): LoomEvent[]
  /** Keeper and desk anew on the same store, as after a kill. */
  reborn(): void
}

export function watchWorld(settings: Partial<AskSettings> = {}): WatchWorld {
  const clock = new HandClock()
  const store = openStore({ path: ':memory:', clock })
  const alarms = new Map<string, string>()
  const log = openLog('silent', new Secrets())
  const alarm = (code: string, text: string | null) => (text === null ? alarms.delete(code) : alarms.set(code, text))
  let tasks = 0
  const life = () => {
    const watch = new HandWatch()
    const runtime = new HandRuntime('hand', { watch })
    const isolation = { dir: '/nowhere/worktrees', owner: 'test' }
    const world = { store, runtimes: new Map([['hand', runtime]]), clock, log, alarm, isolation }
    const desk = new AskDesk(world, { ask: 'wait', deadlineMinutes: null, ...settings })
    const keeper = new SessionKeeper(world, desk)
    const changes: string[][] = []
    keeper.onChange((ids) => changes.push(ids))
    desk.start()
    keeper.start()
    return { runtime, watch, desk, keeper, changes }
  }
  const world: WatchWorld = {
    clock,
    store,
    alarms,
    ...life(),
    written: () => clock.advance(300),
    task(sessionId, spec = {}) {
      const origin = { externalId: `k${tasks++}` }
      const { task } = store.tasks.accept(taskFrom(origin, { spec: specFrom(spec), workspace: '/work' }))
      const id = task?.id ?? ''
      store.tasks.move(id, 'starting', { sessionId, startedAt: clock.now() })
      return store.tasks.move(id, 'running')
    },
    events: (type) => store.events.after(0, 1_000).filter((event) => !type || event.type === type),
    reborn: () => Object.assign(world, life()),
  }
  onTestFinished(() => {
    world.keeper.close()
    world.desk.close()
    store.close()
  })
  return world
}

/** Promises of answers have settled. */
export const answersSettle = () => new Promise((resolve) => setImmediate(resolve))
