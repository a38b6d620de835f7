import { describe, expect, it } from 'vitest'
import type { AskList, GrantList, ProblemBody, SessionDetail, SessionPage, UsageReport } from '../../src/server/api.ts'
import { watchApp } from '../fakes/watch-app.ts'
import { watchWorld } from '../fakes/watch-world.ts'

const made = () => {
  const w = watchWorld()
  return { ...w, ...watchApp(w) }
}
const problemOf = async (answer: Response) => ({
  status: answer.status,
  kind: ((await answer.json()) as ProblemBody).problems[0]?.kind,
})

describe('sessions over HTTP', () => {
  it('are listed with what they ask, in pages', async () => {
    const w = made()
    for (let n = 0; n < 3; n++) w.watch.session(`ses_${n}`, { updatedAt: n })
    w.watch.session('ses_sub', { parentId: 'ses_1' })
    w.watch.permission('per_1', 'ses_sub')
    await w.written()
    const page = await w.get<SessionPage>('/api/sessions?roots=true&limit=2')
    expect(page.items.map(({ id, asks }) => [id, asks])).toEqual([
      ['ses_2', 0],
      ['ses_1', 1],
    ])
    const rest = await w.get<SessionPage>(`/api/sessions?roots=true&limit=2&after=${page.next}`)
    expect(rest.items.map(({ id }) => id)).toEqual(['ses_0'])
    expect((await w.get<SessionPage>('/api/sessions?state=busy')).items).toEqual([])
    expect((await w.get<SessionPage>('/api/sessions?state=nonsense')).items).toEqual([])
  })

  it('show subagents, asks of the tree, and usage with subagents', async () => {
    const w = made()
    w.watch.session('ses_root', { title: 'The whole' })
    w.watch.session('ses_sub', { parentId: 'ses_root' })
    w.watch.permission('per_1', 'ses_sub')
    w.watch.usage('ses_sub', 'msg_1', w.clock.now(), { output: 7 })
    await w.written()
    const detail = await w.get<SessionDetail>('/api/sessions/ses_ro')
    expect(detail.children.map(({ id }) => id)).toEqual(['ses_sub'])
    expect(detail.asks.map(({ id, title }) => [id, title])).toEqual([['per_1', 'The whole']])
    expect(detail.own).toBe(false)
    expect([detail.usage.own.output, detail.usage.total.output]).toEqual([0, 7])
    expect((await w.get<SessionDetail>('/api/sessions/ses_sub')).root).toEqual({ id: 'ses_root', title: 'The whole' })
    expect(await problemOf(await w.call('GET', '/api/sessions/ses_'))).toEqual({ status: 409, kind: 'ambiguous-id' })
    expect(await problemOf(await w.call('GET', '/api/sessions/none'))).toEqual({ status: 404, kind: 'unknown-session' })
  })

  it('give transcript and diff as their runtime tells them', async () => {
    const w = made()
    w.watch.session('ses_1')
    await w.written()
    w.watch.diffs = [{ path: 'a.ts', status: 'changed', additions: 1, deletions: 2, patch: '-a' }]
    expect(await w.get('/api/sessions/ses_1/transcript?limit=5')).toEqual({ messages: [], next: null, since: 0 })
    expect(await w.get('/api/sessions/ses_1/diff')).toMatchObject({ items: [{ path: 'a.ts' }] })
  })

  it('of our own agent show their journal', async () => {
    const w = made()
    const { sessions } = w.store
    const own = { id: 's_1', runtime: 'builtin', title: 'Ours', workspace: '/work', taskId: null, agent: null }
    sessions.createSession({ ...own, model: null, createdAt: 1 })
    const call = { id: 'c1', name: 'bash', argumentsText: '{"command":"ls"}' }
    sessions.append('s_1', { type: 'prompt', promptId: 'p', text: 'Look.' })
    sessions.append('s_1', {
      ...{ type: 'assistant', runId: 'r', text: 'I look.', reasoning: 'hm', calls: [call], finish: 'tool' },
    })
    sessions.append('s_1', { type: 'tool.started', runId: 'r', callId: 'c1', readOnly: true })
    sessions.append('s_1', {
      ...{ type: 'tool.ended', runId: 'r', callId: 'c1', ok: true, output: 'a.ts', facts: {} },
    })
    const page = await w.get<{ messages: { role: string; parts: unknown[] }[]; next: string }>(
      '/api/sessions/s_1/transcript?limit=1',
    )
    expect(page.messages[0]?.parts).toMatchObject([
      { kind: 'reasoning', text: 'hm' },
      { kind: 'text', text: 'I look.' },
      { kind: 'tool', name: 'bash', state: 'completed', output: 'a.ts' },
    ])
    const run = { runId: 'r', promptId: 'p', resumed: false, model: 'm', provider: 'p' }
    sessions.append('s_1', { type: 'run.started', ...run })
    expect((await w.get<SessionPage>('/api/sessions?state=busy')).items.map(({ id }) => id)).toEqual(['s_1'])
    sessions.append('s_1', { type: 'run.ended', runId: 'r', reason: 'completed', text: '', problem: null })
    expect((await w.get<SessionDetail>('/api/sessions/s_1')).session.state).toBe('idle')
    const older = await w.get<typeof page>(`/api/sessions/s_1/transcript?limit=1&before=${page.next}`)
    expect(older.messages).toMatchObject([{ role: 'user', parts: [{ text: 'Look.' }] }])
    expect(await problemOf(await w.call('GET', '/api/sessions/s_1/diff'))).toEqual({ status: 404, kind: 'no-diff' })
  })

  it('take a prompt, unless a task works in them; an abort pauses that task', async () => {
    const w = made()
    const opened = await w.runtime.open({
      ...{ taskId: 't_x', title: '', workspace: '/work', agent: null, model: null, session: null },
    })
    const id = opened.ok ? opened.value.sessionId : ''
    w.watch.session(id)
    await w.written()
    expect((await w.call('POST', `/api/sessions/${id}/prompt`, { text: 'Go on.' })).status).toBe(201)
    expect(w.runtime.prompts.map(({ text }) => text)).toEqual(['Go on.'])
    w.watch.session('ses_2')
    await w.written()
    expect(await problemOf(await w.call('POST', '/api/sessions/ses_2/prompt', { text: 'Go on.' }))).toEqual({
      ...{ status: 503, kind: 'session-missing' },
    })
    const task = w.task('ses_2')
    expect(await problemOf(await w.call('POST', '/api/sessions/ses_2/prompt', { text: 'Go on.' }))).toEqual({
      ...{ status: 409, kind: 'task-at-work' },
    })
    expect(await (await w.call('POST', '/api/sessions/ses_2/abort')).json()).toEqual({ pausedTaskId: task.id })
    expect(w.paused).toEqual([task.id])
    expect(w.events('session.aborted')).toMatchObject([{ sessionId: 'ses_2', data: { by: 'person' } }])
    expect((await w.call('POST', '/api/sessions/ses_2/prompt', { text: '  ' })).status).toBe(400)
  })
})

describe('asks over HTTP', () => {
  it('are listed, answered, and listed as answered', async () => {
    const w = made()
    w.watch.session('ses_1', { title: 'Mine' })
    w.watch.permission('per_1', 'ses_1')
    expect((await w.get<AskList>('/api/asks')).items.map(({ id, title }) => [id, title])).toEqual([['per_1', 'Mine']])
    const done = await w.call('POST', '/api/asks/per_1', { reply: 'always' })
    expect([done.status, await done.json()]).toMatchObject([200, { ask: { status: 'answered', by: 'person' } }])
    expect((await w.get<AskList>('/api/asks')).items).toEqual([])
    expect((await w.get<AskList>('/api/asks?status=answered')).items).toHaveLength(1)
    const { items } = await w.get<GrantList>('/api/grants')
    expect(items).toMatchObject([{ permission: 'bash', pattern: 'git status', workspace: '/work' }])
    expect((await w.call('DELETE', `/api/grants/${items[0]?.id}`)).status).toBe(200)
    expect((await w.call('DELETE', `/api/grants/${items[0]?.id}`)).status).toBe(404)
  })

  it.each<{ what: string; body: unknown; status: number }>([
    { what: 'neither reply nor answers', body: {}, status: 400 },
    { what: 'both', body: { reply: 'once', answers: [['x']] }, status: 400 },
    { what: 'a message that goes with nothing', body: { reply: 'once', message: 'x' }, status: 400 },
    { what: 'another word', body: { reply: 'yes' }, status: 400 },
    { what: 'answers to a permission', body: { answers: [['x']] }, status: 422 },
  ])('refuse $what', async ({ body, status }) => {
    const w = made()
    w.watch.session('ses_1')
    w.watch.permission('per_1', 'ses_1')
    expect((await w.call('POST', '/api/asks/per_1', body)).status).toBe(status)
    expect(w.watch.answers).toEqual([])
  })

  it('tell who was first, and what the runtime says against it', async () => {
    const w = made()
    w.watch.session('ses_1')
    w.watch.permission('per_1', 'ses_1')
    w.watch.refuseAnswer = { kind: 'server-down', text: 'Nobody listens.' }
    expect(await problemOf(await w.call('POST', '/api/asks/per_1', { reply: 'once' }))).toEqual({
      ...{ status: 503, kind: 'server-down' },
    })
    w.watch.refuseAnswer = null
    await w.call('POST', '/api/asks/per_1', { reply: 'reject', message: 'No.' })
    expect(w.watch.answers.at(-1)?.reply).toEqual({ kind: 'reject', message: 'No.' })
    expect(await problemOf(await w.call('POST', '/api/asks/per_1', { reply: 'once' }))).toEqual({
      ...{ status: 409, kind: 'already-answered' },
    })
    expect(await problemOf(await w.call('POST', '/api/asks/per_9', { reply: 'once' }))).toEqual({
      ...{ status: 404, kind: 'unknown-ask' },
    })
  })

  it('speak the original’s dialect too', async () => {
    const w = made()
    expect(await (await w.call('GET', '/api/permissions')).text()).toBe('{"permissions":[]}')
    w.watch.session('ses_1')
    w.watch.permission('per_1', 'ses_1')
    expect(await w.get('/api/permissions')).toMatchObject({ permissions: [{ id: 'per_1', sessionID: 'ses_1' }] })
    const wrong = await w.call('POST', '/api/sessions/ses_2/permissions/per_1', { response: 'once' })
    expect(wrong.status).toBe(404)
    const right = await w.call('POST', '/api/sessions/ses_1/permissions/per_1', { response: 'once' })
    expect([right.status, await right.json()]).toEqual([200, true])
  })
})

describe('usage over HTTP', () => {
  it('sums a period by a group, with titles', async () => {
    const w = made()
    w.watch.session('ses_1', { title: 'Mine' })
    w.watch.session('ses_2', { parentId: 'ses_1' })
    const now = w.clock.now()
    w.watch.usage('ses_1', 'old', now - 90 * 24 * 3_600_000, { output: 1_000 })
    w.watch.usage('ses_1', 'new', now, { output: 5, costMicros: null })
    w.watch.usage('ses_2', 'sub', now, { output: 2, costMicros: 7 })
    await w.written()
    const report = await w.get<UsageReport>('/api/usage?by=session&since=24h')
    expect(report.whole).toMatchObject({ output: 7, costMicros: 7, atLeast: true })
    expect(report.items).toMatchObject([
      { key: 'ses_1', label: 'Mine', output: 5, total: { output: 7 } },
      { key: 'ses_2', output: 2, total: { output: 2 } },
    ])
    expect((await w.get<UsageReport>('/api/usage?by=workspace')).items).toMatchObject([{ key: '/work', output: 1_007 }])
    expect((await w.get<UsageReport>('/api/usage?by=day')).items).toHaveLength(2)
    expect(await problemOf(await w.call('GET', '/api/usage?since=whenever'))).toEqual({
      ...{ status: 400, kind: 'bad-instant' },
    })
  })
})

describe('the live stream', () => {
  it('names the sessions that are different now', async () => {
    const w = made()
    const stop = new AbortController()
    const stream = await w.app.request('http://localhost/api/live', {
      headers: { host: 'localhost', authorization: 'Bearer token' },
      signal: stop.signal,
    })
    const reader = (stream.body as ReadableStream<Uint8Array>).getReader()
    const next = async () => new TextDecoder().decode((await reader.read()).value)
    expect(await next()).toContain('event: hello')
    w.watch.session('ses_1')
    await w.written()
    expect(await next()).toBe('event: saying\ndata: []\n\n')
    expect(await next()).toBe('event: sessions\ndata: {"ids":["ses_1"]}\n\n')
    await reader.cancel()
  })
})
