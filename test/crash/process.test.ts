/**
 * Lives of the daemon: one per data directory, a drain that ends, and nothing left of what a killed one had running.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest'
import { DaemonRig, eventually, type Life } from '../fakes/daemon.ts'
import { hasBwrap } from '../fakes/sandbox.ts'
import { account, drop, noFault, taskText, workspaceOf } from './scene.ts'

const long = 'touch begun; setsid sleep 600 & nohup sleep 600 > /dev/null 2>&1 & (sleep 600 &) ; sleep 600'
const rig = new DaemonRig()
beforeAll(async () => {
  await rig.open({
    script: [
      { tool_calls: [{ name: 'bash', arguments: { command: long, timeout: 500_000 } }] },
      { tool_calls: [{ name: 'write', arguments: { file_path: 'result.txt', content: 'right\n' } }] },
      { text: 'Done.' },
    ],
    env: { OPENLOOM_DRAIN_SECONDS: '1' },
  })
  await rig.makeTemplate()
})
beforeEach(() => rig.reset())
afterAll(() => rig.close())

/** Commands of all these tasks are under way. */
async function begun(names: readonly string[]): Promise<void> {
  const all = () => names.every((name) => existsSync(join(workspaceOf(rig, name), 'begun')))
  await eventually('the commands run', all)
}

async function working(names: readonly string[], env: Record<string, string> = {}): Promise<Life> {
  const life = await rig.started({ env })
  for (const name of names) drop(rig, name)
  await begun(names)
  return life
}

it('refuses a second daemon on one data directory and names the first', async () => {
  const first = await rig.started()
  const second = rig.start({ beside: true })
  const { code } = await second.exited
  expect(code).toBeGreaterThan(0)
  expect(second.errors).toContain(`process ${first.address.pid}`)
  expect((await first.api('/api/state')).status).toBe(200)
  await first.kill()
})

it('starts at once after kill -9', async () => {
  const first = await rig.started()
  await first.kill()
  const before = performance.now()
  const second = await rig.started()
  expect(performance.now() - before).toBeLessThan(3_000)
  await second.kill()
})

it('on SIGTERM parks running turns within 10 s, leaves no process, and the next start goes on', async () => {
  const names = ['one', 'two', 'three', 'four', 'waits-a', 'waits-b']
  const life = await working(names.slice(0, 4))
  for (const name of names.slice(4)) drop(rig, name)
  await eventually('six tasks are known', async () => (await rig.tasks(life)).length === 6)
  const before = performance.now()
  life.child.kill('SIGTERM')
  expect(await life.exited).toEqual({ code: 0, signal: null })
  expect(performance.now() - before).toBeLessThan(10_000)
  expect(rig.orphans()).toEqual([])
  expect(existsSync(join(workspaceOf(rig, 'waits-a'), 'begun'))).toBe(false)
  const next = await rig.started()
  const parked = names.slice(0, 4)
  await eventually('the parked ones are done', async () => {
    const tasks = await rig.tasks(next)
    return parked.every((name) => tasks.some((task) => task.title === name && task.status === 'done'))
  })
  const promptIds = rig.promptIds()
  expect(new Set(promptIds).size).toBe(promptIds.length)
  await next.kill()
})

it('on a second SIGTERM ends at once', async () => {
  const life = await working(['one'], { OPENLOOM_DRAIN_SECONDS: '60' })
  life.child.kill('SIGTERM')
  await eventually('it drains', async () => {
    const state = (await (await life.api('/api/state')).json()) as { draining: boolean }
    return state.draining
  })
  const before = performance.now()
  life.child.kill('SIGTERM')
  expect(await life.exited).toEqual({ code: 0, signal: null })
  expect(performance.now() - before).toBeLessThan(2_500)
  expect(rig.orphans()).toEqual([])
})

it('ends what a killed daemon left running, setsid and nohup included, and finishes the tasks', async () => {
  const names = ['one', 'two', 'three', 'four']
  const life = await working(names)
  const left = rig.orphans()
  expect(left.length).toBeGreaterThanOrEqual(12)
  await life.kill()
  const next = await rig.started()
  const alive = left.filter((pid) => existsSync(`/proc/${pid}/status`) && !isZombie(pid))
  expect(alive).toEqual([])
  expect(await account(rig, next, names)).toEqual(noFault)
  expect(rig.orphans()).toEqual([])
  await next.kill()
})

const isZombie = (pid: number): boolean => /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))

const eight = [
  'touch begun; sleep 600',
  'touch begun; setsid sleep 600',
  'nohup sleep 600 > /dev/null 2>&1 & touch begun; wait',
  '(setsid sleep 600 &) ; touch begun; sleep 600',
  'sleep 600 & disown; touch begun; sleep 600',
  `python3 -c 'import os, time; os.fork() or (os.setsid(), os.fork()); time.sleep(600)' & touch begun; wait`,
  `trap '' TERM HUP; touch begun; sleep 600; sleep 600`,
  'touch begun; sleep 600 | cat',
]

/** The agent starts the last of them in the background. */
const callOf = (command: string, index: number) => ({
  name: 'bash',
  arguments: index === 7 ? { command, run_in_background: true } : { command, timeout: 500_000 },
})

const modes = hasBwrap ? ['off', 'auto'] : ['off']
it.each(modes)('TL-4 leaves none of eight commands a second after kill -9, sandbox %s', async (mode) => {
  const own = new DaemonRig()
  onTestFinished(() => own.close())
  const conversations = eight.map((command, index) => ({
    match: `eight-${index}`,
    replies: [
      { tool_calls: [callOf(command, index)] },
      { tool_calls: [{ name: 'bash', arguments: { command: 'sleep 600', timeout: 500_000 } }] },
    ],
  }))
  const env = { OPENLOOM_SANDBOX_MODE: mode, OPENLOOM_CONCURRENCY: '8' }
  await own.open({ script: { conversations }, env })
  const life = await own.started()
  const names = eight.map((_, index) => `eight-${index}`)
  for (const name of names) {
    writeFileSync(join(own.inbox, `${name}.md`), taskText(own, name).replace('Do it.', `Do ${name}.`))
  }
  const all = () => names.every((name) => existsSync(join(workspaceOf(own, name), 'begun')))
  await eventually('the commands run', all)
  expect(own.orphans().length).toBeGreaterThan(8)
  await life.kill()
  await eventually('they are gone', () => own.orphans().length === 0, 1_000)
  expect(own.orphans()).toEqual([])
})
