/** Many at once, and the same again: requests with one key, and a crowd of files, each become one task. */
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { DaemonRig, eventually, type Life } from '../fakes/daemon.ts'
import { inboxNames, long, say, shortScript, taskText } from './scene.ts'

const rig = new DaemonRig()
beforeAll(async () => {
  await rig.open({ script: shortScript })
  await rig.makeTemplate()
})
beforeEach(() => rig.reset())
afterAll(() => rig.close())

const routes = {
  '/api/tasks': (goal: string) => ({ goal, workspace: rig.work }),
  '/api/inbox/trigger': (goal: string) => ({ text: `# ${goal}\n\nworkspace: ${rig.work}\n` }),
}

const post = async (life: Life, path: keyof typeof routes, goal: string) => {
  const headers = { 'content-type': 'application/json', 'idempotency-key': 'one-key' }
  const answer = await life.api(path, { method: 'POST', headers, body: JSON.stringify(routes[path](goal)) })
  return { status: answer.status, body: await answer.text() }
}

it.each(Object.keys(routes) as (keyof typeof routes)[])(
  '50 requests with one key at %s are one task with one answer, also after kill -9',
  async (path) => {
    const life = await rig.started()
    const answers = await Promise.all(Array.from({ length: 50 }, () => post(life, path, 'the same')))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]))
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1)
    expect(await rig.tasks(life)).toHaveLength(1)
    expect((await post(life, path, 'something else')).status).toBe(409)
    await life.kill()
    const next = await rig.started()
    expect(await post(next, path, 'the same')).toEqual(answers[0])
    expect((await post(next, path, 'something else')).status).toBe(409)
    expect(await rig.tasks(next)).toHaveLength(1)
    await next.kill()
  },
)

it('a crowd of files dropped at once is taken once each, though the daemon is killed in the middle', async () => {
  const count = long ? 1_000 : 300
  const names = Array.from({ length: count }, (_, i) => `crowd-${String(i).padStart(4, '0')}`)
  const texts = names.map((name) => taskText(rig, 'crowd').replace('# crowd', `# ${name}`))
  const first = await rig.started()
  for (const [i, name] of names.entries()) {
    writeFileSync(join(rig.folder, 'next.tmp'), texts[i] ?? '')
    renameSync(join(rig.folder, 'next.tmp'), join(rig.inbox, `${name}.md`))
  }
  let created = 0
  await first.sees((event) => event.type === 'task.created' && ++created >= count / 3)
  await first.kill()
  const next = await rig.started()
  const all = () => inboxNames(rig).every((name) => name.startsWith('processed-'))
  await eventually('every file was taken', all, 60_000)
  await next.kill()
  const titles = rig.rows<{ title: string }>('select title from tasks order by title').map(({ title }) => title)
  say(`files: ${count}, tasks: ${titles.length}, different: ${new Set(titles).size}`)
  expect(titles).toEqual(names)
  expect(inboxNames(rig)).toEqual(names.map((name) => `processed-${name}.md`))
  expect(rig.integrity).toBe('ok')
})
