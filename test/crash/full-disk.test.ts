/** A full disk, injected and real: the daemon lives, says so, takes nothing half, and goes on once there is space. */
import { spawnSync } from 'node:child_process'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { DaemonRig, eventually, type Life } from '../fakes/daemon.ts'
import {
  account,
  drop,
  hasStrace,
  inboxNames,
  long,
  noFault,
  oneThread,
  say,
  shortScript,
  storePaths,
  straced,
  sum,
} from './scene.ts'

const rig = new DaemonRig()
beforeAll(async () => {
  await rig.open({ script: shortScript })
  await rig.makeTemplate()
})
afterAll(async () => {
  await rig.close()
})

interface State {
  alarms: { code: string; text: string }[]
  counts: Record<string, number>
}

const stateOf = async (life: Life): Promise<State> => (await (await life.api('/api/state')).json()) as State

it('with ENOSPC from every n-th write on, for a while, the daemon lives and the task is done once', async () => {
  if (!hasStrace) return say('strace is not installed: the sweep with a full disk is left out')
  const total = { ...noFault, wrong: [] as string[] }
  let points = 0
  // The first writes open the store; a start on a full disk is refused with words, which is another story.
  for (let nth = 12; nth < 240; nth += long ? 1 : 16) {
    await rig.reset()
    const what = `error=ENOSPC:when=${nth}..${nth + 2}`
    const under = straced({ paths: storePaths(rig), calls: ['pwrite64', 'ftruncate', 'fallocate'], what })
    const life = await rig.started({ under, env: oneThread })
    drop(rig, 'one')
    sum(total, await account(rig, life, ['one']))
    expect(life.isOver).toBe(false)
    process.kill(life.address.pid, 'SIGKILL')
    await life.exited
    expect(inboxNames(rig)).toEqual(['processed-one.md'])
    points++
  }
  say(`full disk: ${points} points, lost ${total.lost}, doubled ${total.doubled}`)
  expect(total).toEqual(noFault)
})

it('a store that has no more room raises an alarm, keeps the file, and takes it within 5 s of space', async () => {
  await rig.reset()
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'openloom-test', rig.data])
  if (mount.status !== 0) return say('no file system can be mounted here: the story of a really full disk is left out')
  try {
    const life = await rig.started()
    const filler = fill(join(rig.data, 'filler'))
    drop(rig, 'one')
    const full = await eventually('an alarm', async () => {
      const state = await stateOf(life)
      return state.alarms.length > 0 ? state : null
    })
    expect(full.alarms.map(({ text }) => text).join()).toMatch(/full/)
    expect(full.counts).toEqual({})
    expect(inboxNames(rig)).toEqual(['one.md'])
    const answer = await life.api('/api/tasks', json({ goal: 'x', workspace: rig.work }))
    expect(answer.status).toBe(503)
    rmSync(filler)
    const freedAt = performance.now()
    await life.sees((event) => event.type === 'task.created')
    expect(performance.now() - freedAt).toBeLessThan(5_000)
    expect(await account(rig, life, ['one'])).toEqual(noFault)
    await eventually('the alarm is over', async () => (await stateOf(life)).alarms.length === 0)
    expect(inboxNames(rig)).toEqual(['processed-one.md'])
    await life.kill()
  } finally {
    for (const life of rig.lives) await life.kill()
    spawnSync('umount', ['-l', rig.data])
  }
})

const json = (body: unknown): RequestInit => ({
  method: 'POST',
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json' },
})

/** Writes until nothing more goes in. */
function fill(path: string): string {
  const file = openSync(path, 'w')
  try {
    for (const size of [65_536, 4_096, 512, 1]) {
      const chunk = Buffer.alloc(size)
      for (;;) writeSync(file, chunk)
    }
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC')
  } finally {
    closeSync(file)
  }
  return path
}
