/** The daemon dies at each named place of the whole path, twice; the task still ends verified and is told once. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { DaemonRig } from '../fakes/daemon.ts'
import { readSources } from '../tidy.ts'
import { account, drop, fullScript, inboxNames, noFault, workspaceOf } from './scene.ts'

const root = new URL('../..', import.meta.url).pathname
const names = readSources(root, ['src'])
  .flatMap(({ text }) => [...text.matchAll(/failpoint\('([a-z.]+)'\)/g)].map((match) => match[1] ?? ''))
  .sort()

const rig = new DaemonRig()
beforeAll(async () => {
  await rig.open({ script: fullScript })
  await rig.makeTemplate()
})
afterAll(() => rig.close())

it('finds the places that the source names', () => {
  expect(names).toEqual(expect.arrayContaining(['inbox.taken', 'harness.begun', 'agent.tool.ran', 'courier.answered']))
  expect(new Set(names).size).toBe(names.length)
})

it.each(names)('killed twice at %s, the task ends verified, its change is made at most once', async (name) => {
  await rig.reset()
  drop(rig, 'one')
  // A place that the second life does not come by again is simply passed.
  const kills: boolean[] = []
  for (let time = 0; time < 2; time++) {
    const doomed = rig.start({ env: { OPENLOOM_FAILPOINT: name } })
    const over = doomed.sees((event) => event.type === 'task.done').then(() => false)
    const died = await Promise.race([doomed.exited.then(({ signal }) => signal === 'SIGKILL'), over])
    kills.push(died || (await doomed.kill().then(() => false)))
  }
  expect(kills[0]).toBe(true)
  const life = await rig.started()
  expect(rig.orphans()).toEqual([])
  expect(await account(rig, life, ['one'])).toEqual(noFault)
  expect(inboxNames(rig)).toEqual(['processed-one.md'])
  const log = join(workspaceOf(rig, 'one'), 'log.txt')
  expect(existsSync(log) ? readFileSync(log, 'utf8') : '').toMatch(/^(once\n)?$/)
  await delivered(life)
  await life.kill()
})

/** Every notable event of the task in the folder exactly once, and at the webhook at least once. */
async function delivered(life: Awaited<ReturnType<DaemonRig['started']>>): Promise<void> {
  life.child.kill('SIGTERM')
  expect(await life.exited).toEqual({ code: 0, signal: null })
  const wanted = rig.told().map(({ id }) => id)
  expect(rig.told().filter(({ type }) => type === 'task.done')).toHaveLength(1)
  expect(rig.told().filter(({ type }) => type === 'task.created')).toHaveLength(1)
  expect(new Set(wanted).size).toBe(wanted.length)
  const heard = new Set(rig.receiver.heard.map(({ headers }) => String(headers['webhook-id'])))
  expect([...heard].sort()).toEqual([...wanted].sort())
}
