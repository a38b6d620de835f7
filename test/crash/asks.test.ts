/** An ask of our own agent, over the death of the daemon. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { AskItem, AskList } from '../../src/server/api.ts'
import { DaemonRig, eventually, type Life } from '../fakes/daemon.ts'
import { drop, workspaceOf } from './scene.ts'

const rig = new DaemonRig()
const settings = 'runtimes: [{ kind: builtin, permissions: [{ tool: bash, action: ask }] }]\n'
beforeAll(async () => {
  writeFileSync(join(rig.folder, 'openloom.yaml'), settings)
  const call = { tool_calls: [{ name: 'bash', arguments: { command: 'echo right >> result.txt' } }] }
  await rig.open({ script: [call, { text: 'Done.' }, call, { text: 'Done.' }] })
  await rig.makeTemplate()
})
beforeEach(() => rig.reset())
afterAll(() => rig.close())

const openAsk = (life: Life): Promise<AskItem> =>
  eventually('it asks', async () => {
    const { items } = (await (await life.api('/api/asks')).json()) as AskList
    return items[0] ?? null
  })

it('PM-4 asked, killed, started, answered: the run goes on, and the same call is not asked twice', async () => {
  const first = await rig.started()
  drop(rig, 'one', ['ask: wait'])
  const ask = await openAsk(first)
  await first.kill()
  const second = await rig.started()
  expect((await openAsk(second)).id).toBe(ask.id)
  expect(existsSync(join(workspaceOf(rig, 'one'), 'result.txt'))).toBe(false)
  const body = JSON.stringify({ reply: 'once' })
  const headers = { 'content-type': 'application/json' }
  const answered = await eventually('it is answered', async () => {
    const answer = await second.api(`/api/asks/${ask.id}`, { method: 'POST', body, headers })
    return answer.status === 200 ? answer : null
  })
  expect(answered.status).toBe(200)
  const last = await rig.settled(second, 1)
  expect(last).toMatchObject([{ status: 'done' }])
  const all = (await (await second.api('/api/asks?status=all')).json()) as AskList
  expect(all.items.map(({ id, status }) => [id, status])).toEqual([[ask.id, 'answered']])
  await second.kill()
})

it.each([
  ['as soon as it has asked', null],
  ['while the task waits', 'waiting'],
])('PM-6 killed %s and once it is answered, a run that did not wait does what was allowed, once', async (_, status) => {
  const first = await rig.started()
  drop(rig, 'one')
  const ask = await openAsk(first)
  const waits = (life: Life) => rig.tasks(life).then(([task]) => (task?.status === 'waiting' ? task : null))
  if (status) await eventually('it waits', () => waits(first))
  await first.kill()

  const second = await rig.started()
  expect((await openAsk(second)).id).toBe(ask.id)
  expect(await eventually('it waits', () => waits(second))).toMatchObject({ reason: { code: 'needs-permission' } })
  expect(existsSync(join(workspaceOf(rig, 'one'), 'result.txt'))).toBe(false)
  await second.send(`/api/asks/${ask.id}`, { reply: 'once' })
  await second.kill()

  const third = await rig.started()
  expect(await rig.settled(third, 1)).toMatchObject([{ status: 'done', verdict: 'verified' }])
  const { items } = (await (await third.api('/api/asks?status=all')).json()) as AskList
  // The one that a person answered, and the call that was made with that answer.
  expect(items.map(({ status, reply }) => [status, reply?.kind])).toEqual([
    ['answered', 'once'],
    ['answered', 'once'],
  ])
  expect(readFileSync(join(workspaceOf(rig, 'one'), 'result.txt'), 'utf8')).toBe('right\n')
  await third.kill()
})

it('DU-3 the turn of a person goes on after kill -9 as that of a task does, with its ask', async () => {
  const workspace = workspaceOf(rig, 'talk')
  mkdirSync(workspace, { recursive: true })
  const send = async (life: Life, path: string, body: object) => {
    const headers = { 'content-type': 'application/json' }
    const answer = await life.api(path, { method: 'POST', body: JSON.stringify(body), headers })
    return (await answer.json()) as { id: string }
  }
  const first = await rig.started()
  const { id } = await send(first, '/api/sessions', { workspace, title: 'talk' })
  await send(first, `/api/sessions/${id}/prompt`, { text: 'Write it.' })
  const ask = await openAsk(first)
  await first.kill()

  const second = await rig.started()
  await send(second, `/api/asks/${ask.id}`, { reply: 'once' })
  await eventually('the turn is over', async () => {
    const { session } = (await (await second.api(`/api/sessions/${id}`)).json()) as { session: { state: string } }
    return session.state === 'idle' ? session : null
  })
  expect(existsSync(join(workspace, 'result.txt'))).toBe(true)
  await second.kill()
})
