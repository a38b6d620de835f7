import { expect, it } from 'vitest'
import { firstLineOf } from '../../src/agent/titles.ts'
import { lookUntil } from '../contracts/runtime.ts'
import { type AgentOptions, agentWorld } from '../fakes/agent-world.ts'

const naming = { match: '^Name this', text: '"Tabs for the parser."' }
const purposes = { titles: { model: 'scripted-model' } }

/** A conversation without a task, and what it is called in the course of time. */
async function talk(title: string, replies: object[], options: AgentOptions = {}) {
  const titles = [title]
  const retitle = (_id: string, from: string, to: string) => {
    if (from === titles.at(-1) && from !== to) titles.push(to)
  }
  const world = await agentWorld(replies, { retitle, provider: { retries: 0 }, ...options })
  const id = 's_talk'
  const session = { id, runtime: 'builtin', title, workspace: world.workspace, taskId: null, agent: null, model: null }
  world.journal.createSession({ ...session, createdAt: 0 })
  const limits = { toolCalls: null, tokens: null }
  await world.runtime.prompt({ sessionId: id, promptId: 'p1', text: 'Use tabs\nin the parser.', limits })
  await lookUntil(world.runtime, id, ['idle', 'failed'])
  return { titles, world, used: () => world.journal.entries(id).filter(({ entry }) => entry.type === 'usage').length }
}

it('a conversation is named after its first turn, and what that used is counted', async () => {
  const { titles, used } = await talk('New session', [naming, { text: 'done' }], { purposes })
  await expect.poll(() => titles).toEqual(['New session', 'Use tabs', 'Tabs for the parser'])
  expect(used()).toBe(2)
})

it('DU-6 the request for a title is in the debug log', async () => {
  const lines: Record<string, unknown>[] = []
  const debug = { record: (run: string, line: Record<string, unknown>) => void lines.push({ run, ...line }) }
  const { titles } = await talk('New session', [naming, { text: 'done' }], { purposes, debug })
  await expect.poll(() => titles.length).toBe(3)
  expect(lines.map(({ type }) => type)).toEqual(['request', 'response', 'request', 'response'])
  expect(JSON.stringify(lines[2])).toContain('Name this conversation')
  expect(lines[3]).toMatchObject({ text: '"Tabs for the parser."', run: lines[2]?.['run'] })
})

it('without a model for it, and where that fails, the first line of the prompt stays', async () => {
  const { titles, world } = await talk('', [{ text: 'done' }])
  await expect.poll(() => titles).toEqual(['', 'Use tabs'])
  expect(world.requests.filter(({ body }) => body)).toHaveLength(1)
  const failing = await talk('', [{ ...naming, fault: '500', times: 9 }, { text: 'done' }], { purposes })
  await expect.poll(() => failing.world.requests.filter(({ body }) => body).length).toBe(2)
  expect(failing.titles).toEqual(['', 'Use tabs'])
})

it('the work of a task keeps the title of the task', async () => {
  const named: string[] = []
  const world = await agentWorld([{ text: 'done' }], { purposes, retitle: (_id, _from, to) => named.push(to) })
  await world.run('go')
  await world.runtime.close()
  expect(named).toEqual([])
  expect(world.requests.filter(({ body }) => body)).toHaveLength(1)
})

it('a first line is short and on one line', () => {
  expect(firstLineOf('  a\t b\nc')).toBe('a b')
  expect(firstLineOf('x'.repeat(300))).toHaveLength(80)
})
