/** The daemon dies around the choice of the checks that nobody wrote: what was frozen stays, and is told once. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { DaemonRig } from '../fakes/daemon.ts'

const rig = new DaemonRig()
const write = { tool_calls: [{ name: 'write', arguments: { file_path: 'new.txt', content: 'new\n' } }] }
beforeAll(async () => {
  await rig.open({ script: { replies: [write, { text: 'Done.' }], at_end: 'repeat' } })
  await rig.makeTemplate()
})
beforeEach(() => rig.reset())
afterAll(() => rig.close())

const workspace = join(rig.work, 'p')
const scripts = (...names: string[]) => {
  const all = Object.fromEntries(names.map((name) => [name, 'node -e 0']))
  writeFileSync(join(workspace, 'package.json'), JSON.stringify({ scripts: all }))
}

it.each([
  ['checks.chosen', ['no worse: npm test', 'no worse: npm run lint']],
  ['checks.frozen', ['no worse: npm test']],
])('killed at %s, the task is judged by %j', async (place, judges) => {
  mkdirSync(workspace, { recursive: true })
  scripts('test')
  writeFileSync(join(rig.folder, 'task.tmp'), `# Add new.txt\n\nworkspace: ${workspace}\n\n## goal\n\nAdd new.txt\n`)
  renameSync(join(rig.folder, 'task.tmp'), join(rig.inbox, 'task.md'))
  const doomed = rig.start({ env: { OPENLOOM_FAILPOINT: place } })
  expect((await doomed.exited).signal).toBe('SIGKILL')
  scripts('test', 'lint')
  const life = await rig.started()
  const [task] = await rig.settled(life, 1)
  expect({ status: task?.status, verdict: task?.verdict }).toEqual({
    status: 'done',
    verdict: 'verified (project checks)',
  })
  const stored = rig.rows<{ record: string }>('select record from checks where attempt = 1 order by position')
  expect(stored.map(({ record }) => JSON.parse(record).title)).toEqual([...judges, 'any change'])
  expect(rig.rows("select 1 from events where type = 'checks.added'")).toHaveLength(1)
  await life.kill()
})
