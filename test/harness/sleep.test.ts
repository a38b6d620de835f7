/** The sleep of the machine, told by a clock that counts it beside one that does not. */
import { afterEach, expect, it } from 'vitest'
import { SleepWatch } from '../../src/harness/sleep.ts'
import { openLog, Secrets } from '../../src/lib/log.ts'
import { openStore, type Store } from '../../src/store/open.ts'
import { HandClock } from '../fakes/clock.ts'
import { taskFrom } from '../fakes/tasks.ts'

let store: Store
afterEach(() => store.close())

it('a closed lid is told of each task at work, once, and a slow look of none', async () => {
  const clock = new HandClock()
  store = openStore({ path: ':memory:', clock })
  let asleepMs = 0
  const watch = new SleepWatch(
    { clock, store, log: openLog('silent', new Secrets()) },
    () => clock.monotonic() + asleepMs,
  )
  watch.start()
  const told = () => store.events.after(0, 100).filter(({ type }) => type === 'machine.slept')
  asleepMs = 900
  await clock.advance(60_000)
  expect(told()).toEqual([])
  asleepMs += 7 * 3_600_000
  await clock.advance(60_000)
  expect(told().map(({ taskId, data }) => [taskId, data])).toEqual([[null, { sleptMs: 7 * 3_600_000 }]])
  const ids = ['works', 'waits in line'].map(
    (externalId) => store.tasks.accept(taskFrom({ externalId })).task?.id ?? '',
  )
  store.tasks.move(ids[0] ?? '', 'starting')
  asleepMs += 60_000
  await clock.advance(20_000)
  expect(told().map(({ taskId }) => taskId)).toEqual([null, ids[0]])
  watch.stop()
  asleepMs += 60_000
  await clock.advance(60_000)
  expect(told()).toHaveLength(2)
})
