import { appendFileSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import type { SessionDetail, TaskDetail } from '../../src/server/api.ts'
import { type Story, tell } from '../fakes/story.ts'
import { talk } from '../fakes/talk.ts'

const bash = (command: string) => ({ name: 'bash', arguments: { command, timeout: 600_000 } })
const waits = (name: string) => bash(`touch begun; until test -f ${name}; do sleep 0.02; done; echo x >> count`)

/** A task at work in a command that ends when the test says so. */
async function atWork(replies: object[]) {
  const story = await tell({ script: { replies: [{ tool_calls: [waits('go')] }, ...replies] } })
  const workspace = story.workspace()
  const added = await story.call('POST', '/api/tasks', { workspace, goal: 'Wait.', checks: ['file: count'] })
  const { id } = (await added.json()) as { id: string }
  await vi.waitFor(() => expect(existsSync(join(workspace, 'begun'))).toBe(true))
  const { sessionId } = (await story.detail(id)).task
  const at = (verb: string, body?: object) => story.call('POST', `/api/sessions/${sessionId}/${verb}`, body ?? {})
  return { story, id, sessionId, at, letGo: () => writeFileSync(join(workspace, 'go'), ''), workspace }
}

interface Body {
  messages: { role: string; content: string }[]
}

const lastRequest = (story: Story) =>
  story.requests
    .flatMap(({ body }) => (body ? [body as Body] : []))
    .at(-1)
    ?.messages.at(-1)

describe('a person in a turn, over HTTP', () => {
  it('AL-8 POST steer during a tool: it is the last user message of the next request, once a key', async () => {
    const { story, id, at, letGo } = await atWork([{ text: 'done' }])
    for (const key of ['k', 'k']) expect((await at('steer', { text: 'Use tabs.', key })).status).toBe(200)
    expect((await at('steer', { text: '' })).status).toBe(400)
    letGo()
    await story.reaches('done', id)
    expect(lastRequest(story)).toMatchObject({ role: 'user', content: 'Use tabs.' })
    expect((await at('steer', { text: 'Too late.' })).status).toBe(409)
  })

  it('AL-7 pause holds the task behind the call in flight, resume lets it go on in the same attempt', async () => {
    const { story, id, at, letGo, workspace } = await atWork([
      { tool_calls: [bash('echo y >> count')] },
      { text: 'done' },
    ])
    expect((await at('pause')).status).toBe(200)
    expect((await at('pause')).status).toBe(200)
    letGo()
    const { task } = await story.reaches('waiting', id)
    expect(task.reason).toMatchObject({ code: 'needs-resume' })
    appendFileSync(join(workspace, 'count'), 'by hand\n')
    expect((await at('resume')).status).toBe(200)
    const ended = await story.reaches('done', id)
    expect((ended satisfies TaskDetail).task.attempt).toBe(1)
    expect((await at('resume')).status).toBe(409)
  })

  it('AL-7 a paused turn can be ended, and is over then also for who wants it undone', async () => {
    const t = await talk([{ tool_calls: [waits('go')] }, { text: 'again' }])
    await t.post(`/api/sessions/${t.id}/prompt`, { text: 'wait' })
    await vi.waitFor(() => expect(existsSync(join(t.folder, 'begun'))).toBe(true))
    await t.post(`/api/sessions/${t.id}/pause`)
    writeFileSync(join(t.folder, 'go'), '')
    const state = async () => (await t.get<SessionDetail>(`/api/sessions/${t.id}`)).session.state
    await expect.poll(state, { timeout: 10_000 }).toBe('waiting')
    await t.post(`/api/sessions/${t.id}/abort`)
    expect(await state()).toBe('interrupted')
    expect(await t.refusal('POST', `/api/sessions/${t.id}/resume`)).toEqual({ status: 409, kind: 'not-paused' })
    await t.post(`/api/sessions/${t.id}/undo`)
    await t.say('something else')
  })

  it('CX-4 GET context says how full it is, and compact that there is nothing to do yet', async () => {
    const { story, id, sessionId, at, letGo } = await atWork([{ text: 'done' }])
    letGo()
    await story.reaches('done', id)
    const use = await (await story.call('GET', `/api/sessions/${sessionId}/context`)).json()
    expect(use).toMatchObject({ counted: true, windowTokens: 65_536, sources: { summary: 0 } })
    expect((await at('compact')).status).toBe(409)
    expect((await story.call('GET', '/api/sessions/nobody/context')).status).toBe(404)
  })
})
