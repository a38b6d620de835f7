import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import type { TaskDetail } from '../../src/server/api.ts'
import { type Story, tell } from '../fakes/story.ts'

const sleeps = { name: 'bash', arguments: { command: 'sleep 300', timeout: 600_000 } }

async function add(story: Story, body: Record<string, unknown>): Promise<string> {
  const answer = await story.call('POST', '/api/tasks', { workspace: story.workspace(), ...body })
  expect(answer.status).toBe(201)
  return ((await answer.json()) as { id: string }).id
}

const toolStarts = (story: Story, id: string) =>
  vi.waitFor(() => {
    const types = story.daemon.store.events.after(0, 500, id).map((event) => event.type)
    expect(types).toContain('tool.started')
  })

const command = async (story: Story, id: string, name: string, body: object = {}) =>
  (await (await story.call('POST', `/api/tasks/${id}/${name}`, body)).json()) as Partial<TaskDetail>

describe('a person at a task', () => {
  it('pauses and resumes it: the command is stopped at once and the turn goes on', async () => {
    const story = await tell({ script: { replies: [{ tool_calls: [sleeps] }, { text: 'I looked again: fine.' }] } })
    const id = await add(story, { goal: 'Sleep.' })
    await toolStarts(story, id)
    const startedAt = performance.now()
    expect((await command(story, id, 'pause')).task?.status).toBe('paused')
    expect(performance.now() - startedAt).toBeLessThan(1_500)
    await command(story, id, 'resume')
    const { task, attempts } = await story.reaches('done', id)
    expect(task.attempt).toBe(1)
    expect(attempts[0]?.claim).toBe('I looked again: fine.')
  })

  it('cancels it, and may then retry it', async () => {
    const story = await tell({
      script: { replies: [{ tool_calls: [sleeps] }, { text: 'second try' }], at_end: 'repeat' },
    })
    const id = await add(story, { goal: 'Sleep.', checks: ['no file: x'] })
    await toolStarts(story, id)
    await command(story, id, 'cancel')
    expect((await story.detail(id)).task.status).toBe('cancelled')
    await command(story, id, 'retry')
    expect((await story.reaches('done', id)).task).toMatchObject({ attempt: 2, verdict: 'verified' })
    await command(story, id, 'archive')
    expect((await story.detail(id)).task.status).toBe('archived')
  })

  it('sees a task stopped at its limit of tool calls, with the reason', async () => {
    const read = { tool_calls: [{ name: 'glob', arguments: { pattern: '*' } }] }
    const story = await tell({ script: { replies: [read, read, read, read, { text: 'enough' }] } })
    const id = await add(story, { goal: 'Look around.', limits: { tool_calls: 2 }, checks: ['file: never.txt'] })
    const { task } = await story.reaches('paused', id)
    expect(task.reason).toMatchObject({ code: 'limit-tool_calls' })
    expect(task.toolCalls).toBeLessThanOrEqual(2)
  })

  it('is told which key is missing, and goes on after the model answers again', async () => {
    const story = await tell({
      script: { replies: [{ fault: 'http', status: 401, message: 'bad key' }, { text: 'back' }], at_end: 'repeat' },
    })
    const id = await add(story, { goal: 'Work.' })
    const { task } = await story.reaches('paused', id)
    expect(task.reason?.text).toMatch(/key|401/i)
  })

  it('runs the checks again without touching the task', async () => {
    const story = await tell()
    const id = await add(story, { goal: 'Nothing.', checks: ['no file: later.txt'] })
    await story.reaches('done', id)
    const found = (await (await story.call('POST', `/api/tasks/${id}/verify`, {})).json()) as { verdict: string }
    expect(found.verdict).toBe('verified')
    expect((await story.detail(id)).task.status).toBe('done')
  })
})

describe('a webhook from a phone', () => {
  it('may not bring commands, but may name a check of the configuration', async () => {
    const settings = 'named_checks:\n  quick:\n    kind: command\n    run: "true"\n'
    const story = await tell({ settings })
    const text = (line: string) => `workspace: ${story.workspace()}\n\n## goal\n\nx\n\n## checks\n\n- ${line}\n`
    const refused = await story.call('POST', '/api/inbox/trigger', { text: text('run: rm -rf x') })
    expect([refused.status, await refused.text()]).toEqual([422, expect.stringContaining('may not bring commands')])
    const taken = await story.call('POST', '/api/inbox/trigger', { text: text('check: quick') })
    expect(taken.status).toBe(201)
    const { task } = await story.reaches('done')
    expect(task).toMatchObject({ source: 'webhook', verdict: 'verified' })
  })

  it('sent fifty times under one key is one task; another text under the key is a conflict', async () => {
    const story = await tell()
    const body = { text: `workspace: ${story.workspace()}\n\nOnce only.\n` }
    const key = { 'idempotency-key': 'abc' }
    const send = () => story.call('POST', '/api/inbox/trigger', body, key)
    const answers = await Promise.all(Array.from({ length: 50 }, send))
    const texts = await Promise.all(answers.map((answer) => answer.text()))
    expect([new Set(answers.map((answer) => answer.status)), new Set(texts).size]).toEqual([new Set([201]), 1])
    expect(story.daemon.store.tasks.page({ limit: 100 }).items).toHaveLength(1)
    const other = await story.call('POST', '/api/inbox/trigger', { text: 'Another.' }, key)
    expect(other.status).toBe(409)
  })

  it('may name a file of the inbox, and nothing outside it', async () => {
    const story = await tell()
    const outside = await story.call('POST', '/api/inbox/trigger', { path: '/etc/passwd' })
    expect([outside.status, await outside.text()]).toEqual([422, expect.stringContaining('inside the inbox')])
    const climbing = await story.call('POST', '/api/inbox/trigger', { path: join(story.inbox, '../openloom.md') })
    expect(climbing.status).toBe(422)
    expect(existsSync(join(story.inbox, 'processed'))).toBe(false)
  })
})
