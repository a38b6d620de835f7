/**
 * The daemon is killed at every n-th file call of intake, turn, verdict and outbox; nothing is lost, nothing doubled.
 */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { DaemonRig } from '../fakes/daemon.ts'
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
const storeCalls = ['pwrite64', 'write', 'fsync', 'fdatasync', 'openat', 'unlink', 'ftruncate', 'mkdir']
const folderCalls = ['openat', 'rename', 'renameat2', 'fsync', 'unlink', 'link', 'linkat', 'mkdir', 'write']

beforeAll(async () => {
  await rig.open({ script: shortScript })
  await rig.makeTemplate()
})
afterAll(() => rig.close())

/** One file, one kill, one plain start. False when the daemon lived through the whole task. */
async function killedAt(nth: number, calls: readonly string[], paths: readonly string[]): Promise<boolean> {
  await rig.reset()
  drop(rig, 'one')
  const under = straced({ paths, calls, what: `signal=KILL:when=${nth}` })
  const doomed = rig.start({ under, env: oneThread })
  const done = doomed.sees((event) => event.type === 'task.done')
  const survived = (await Promise.race([done, doomed.exited.then(() => null)])) !== null
  // strace dies with its program; one that lived is ended by its own address.
  if (survived) process.kill(doomed.address.pid, 'SIGKILL')
  await doomed.exited
  return !survived
}

async function sweep(calls: readonly string[], paths: readonly string[], step: (nth: number) => number) {
  const total = { ...noFault, wrong: [] as string[] }
  let kills = 0
  for (let nth = 1; nth < 2_000; nth = step(nth)) {
    const killed = await killedAt(nth, calls, paths)
    const life = await rig.started()
    sum(total, await account(rig, life, ['one']))
    expect(inboxNames(rig)).toEqual(['processed-one.md'])
    expect(rig.orphans()).toEqual([])
    await life.kill()
    if (!killed) return { kills, total, ended: true }
    kills++
  }
  return { kills, total, ended: false }
}

it('killed at every n-th call on the store, one dropped file is one verified task', async () => {
  if (!hasStrace) return say('strace is not installed: the sweep over file calls is left out; failpoints still run')
  // Up to 18 the store is opened, up to 80 the file is taken in: there every point counts also in the short run.
  const step = (nth: number) => nth + (long ? 1 : nth < 18 ? 3 : nth < 80 ? 1 : 11)
  const { kills, total, ended } = await sweep(storeCalls, storePaths(rig), step)
  say(`kill points on the store: ${kills}, lost ${total.lost}, doubled ${total.doubled}`)
  expect(kills).toBeGreaterThan(40)
  expect(total).toEqual(noFault)
  expect(ended).toBe(true)
})

it('killed at every n-th call on the inbox and the notifications, one dropped file is one verified task', async () => {
  if (!hasStrace) return
  const paths = [rig.inbox, join(rig.inbox, 'one.md'), rig.notices]
  const { kills, total, ended } = await sweep(folderCalls, paths, (nth) => nth + 1)
  say(`kill points on the folders: ${kills}, lost ${total.lost}, doubled ${total.doubled}`)
  expect(kills).toBeGreaterThan(7)
  expect(total).toEqual(noFault)
  expect(ended).toBe(true)
})
