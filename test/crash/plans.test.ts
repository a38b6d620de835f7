/** A plan that waits for a person, over the death of the daemon. */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { AskItem, AskList, SessionDetail, SessionPlans } from '../../src/server/api.ts'
import { DaemonRig, eventually, type Life } from '../fakes/daemon.ts'

const rig = new DaemonRig()
const text = '# Two steps\n\n1. Write result.txt.\n2. Say so.'
const write = { name: 'write', arguments: { file_path: 'result.txt', content: 'right' } }
beforeAll(() =>
  rig.open({
    script: [
      { tool_calls: [{ name: 'submit_plan', arguments: { plan: text } }] },
      { tool_calls: [write] },
      { text: 'Done.' },
    ],
  }),
)
afterAll(() => rig.close())

const openAsk = (life: Life): Promise<AskItem> =>
  eventually('it asks', async () => ((await (await life.api('/api/asks')).json()) as AskList).items[0] ?? null)

interface Body {
  messages: { role: string; content: string }[]
  tools: { function: { name: string } }[]
}
const bodies = () => rig.requests.flatMap(({ body }) => (body ? [body as unknown as Body] : []))
const toolsOf = (body: Body | undefined) => body?.tools.map((tool) => tool.function.name) ?? []

it('SA-3 a plan accepted after kill -9 and a restart: the next request is build’s, with the plan in it', async () => {
  const workspace = join(rig.work, 'p')
  mkdirSync(workspace, { recursive: true })
  const first = await rig.started()
  const { id } = await first.send<{ id: string }>('/api/sessions', { workspace, title: 'talk', agent: 'plan' })
  await first.send(`/api/sessions/${id}/prompt`, { text: 'Plan it.' })
  const ask = await openAsk(first)
  expect(ask.request).toEqual({ kind: 'plan', version: 1, text, fresh: true })
  expect(toolsOf(bodies()[0])).not.toContain('write')
  await first.kill()
  const second = await rig.started()
  expect((await openAsk(second)).id).toBe(ask.id)
  await eventually('it is answered', () =>
    second.send(`/api/asks/${ask.id}`, { reply: 'execute' }).then(
      () => true,
      () => false,
    ),
  )
  await eventually('it is carried out', () => existsSync(join(workspace, 'result.txt')))
  const [planning, building] = bodies()
  expect(toolsOf(building)).toEqual(expect.arrayContaining(['write', 'bash']))
  expect(toolsOf(building)).not.toContain('submit_plan')
  const system = (body: Body | undefined) => body?.messages.find(({ role }) => role === 'system')?.content ?? ''
  expect([system(planning), system(building)].map((one) => one.includes(text))).toEqual([false, true])
  expect(building?.messages.at(-1)).toMatchObject({ role: 'tool', content: expect.stringContaining('Carry it out') })
  const detail = (await (await second.api(`/api/sessions/${id}`)).json()) as SessionDetail
  expect(detail.session.agent).toBe('build')
  const plans = (await (await second.api(`/api/sessions/${id}/plans`)).json()) as SessionPlans
  expect(plans.items).toMatchObject([{ version: 1, text, status: 'execute' }])
  await second.kill()
})
