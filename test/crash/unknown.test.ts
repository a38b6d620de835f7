/** Work that was cut off in the middle of a command, where the task wants a person to look first. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { DaemonRig, eventually } from '../fakes/daemon.ts'
import { drop, workspaceOf } from './scene.ts'

const rig = new DaemonRig()
const bash = (command: string) => ({ tool_calls: [{ name: 'bash', arguments: { command } }] })
beforeAll(async () => {
  writeFileSync(join(rig.folder, 'openloom.yaml'), 'runtimes: [{ kind: builtin, permissions: [{ action: allow }] }]\n')
  await rig.open({
    script: [bash('echo once >> log.txt; sleep 600'), bash('echo right > result.txt'), { text: 'Done.' }],
  })
  await rig.makeTemplate()
})
beforeEach(() => rig.reset())
afterAll(() => rig.close())

const log = () => join(workspaceOf(rig, 'one'), 'log.txt')

/** Killed while the command runs that has written its line. */
async function killed(keys: readonly string[]): Promise<void> {
  const life = await rig.started()
  drop(rig, 'one', keys)
  await eventually('the command has begun', async () => (existsSync(log()) ? true : null))
  await life.kill()
}

it('DU-3 a task that says so waits for a person, and goes on when they have looked', async () => {
  await killed(['after_crash: pause'])
  const second = await rig.started()
  const [paused] = await rig.settled(second, 1)
  expect(paused).toMatchObject({ status: 'paused', reason: { code: 'outcome-unknown' } })
  expect(paused?.reason?.text).toContain('echo once >> log.txt')
  await second.kill()

  const third = await rig.started()
  expect(await rig.settled(third, 1)).toMatchObject([{ status: 'paused' }])
  await third.send(`/api/tasks/${paused?.id}/resume`, {})
  const done = () => rig.tasks(third).then(([task]) => (task?.status === 'done' ? task : null))
  expect(await eventually('it is done', done)).toMatchObject({ verdict: 'verified' })
  expect(readFileSync(log(), 'utf8')).toBe('once\n')
  await third.kill()
})

it('DU-3 any other goes on at once, and is told', async () => {
  await killed([])
  const second = await rig.started()
  expect(await rig.settled(second, 1)).toMatchObject([{ status: 'done', verdict: 'verified' }])
  expect(readFileSync(log(), 'utf8')).toBe('once\n')
  await second.kill()
})
