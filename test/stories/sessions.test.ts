/**
 * Sessions of our own agent as a person keeps them: found, copied, taken back, taken away.
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import type { TranscriptPage } from '../../src/core/session.ts'
import type { SessionFile } from '../../src/harness/session-file.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import type {
  ModelList,
  ProblemBody,
  SessionDetail,
  SessionPage,
  SessionPlans,
  SessionSearch,
  Undone,
} from '../../src/server/api.ts'
import { SessionClaims } from '../../src/store/claims.ts'
import { tell } from '../fakes/story.ts'
import { talk } from '../fakes/talk.ts'

const call = (name: string, args: Record<string, unknown>) => ({ tool_calls: [{ name, arguments: args }] })
const write = (file: string, content: string) => call('write', { file_path: file, content })

const script: ScriptInput = {
  conversations: [
    {
      match: 'five steps',
      replies: [...[1, 2, 3, 4, 5].map((n) => write(`f${n}.txt`, `${n}\n`)), { text: 'all five' }],
    },
    { match: 'hangs', replies: [call('bash', { command: 'sleep 60', timeout: 90_000 }), { text: 'late' }] },
  ],
  replies: [{ text: 'I hear you.' }],
  at_end: 'repeat',
}

const textsOf = ({ messages }: TranscriptPage): string[] =>
  messages.flatMap(({ parts }) => parts.flatMap((part) => (part.kind === 'text' ? [part.text] : [])))

it('SU-1 a session is exported and imported equal, and markdown shows its tools', async () => {
  const t = await talk(script)
  await t.say('five steps, please')
  const file = await t.get<SessionFile>(`/api/sessions/${t.id}/export`)
  const taken = await t.post<{ id: string }>('/api/sessions/import', { workspace: t.folder, file })
  expect(taken.id).not.toBe(t.id)
  const again = await t.get<SessionFile>(`/api/sessions/${taken.id}/export`)
  const ids = /"(runId|promptId|askId)":"[^"]*"/g
  expect(JSON.stringify(again).replace(ids, '')).toBe(JSON.stringify(file).replace(ids, ''))
  const [before, after] = await Promise.all(
    [t.id, taken.id].map((id) => t.get<TranscriptPage>(`/api/sessions/${id}/transcript`)),
  )
  expect(after && textsOf(after)).toEqual(before && textsOf(before))
  const markdown = await (await t.story.call('GET', `/api/sessions/${t.id}/export?format=markdown`)).text()
  expect(markdown).toContain('### write')
  expect(markdown).toContain('"content":"3\\n"')
})

it('SU-1 a prompt that no model ever answered says why', async () => {
  const refusal = { fault: 'http', status: 401, message: 'no such key', times: 9 } as const
  const story = await tell({ script: [refusal, { text: 'never' }] })
  const made = await story.call('POST', '/api/sessions', { workspace: story.workspace(), title: 'Mute' })
  const { id } = (await made.json()) as { id: string }
  await story.call('POST', `/api/sessions/${id}/prompt`, { text: 'hello' })
  await vi.waitFor(() => expect(story.daemon.store.watched.get(id)?.state).toBe('failed'), { timeout: 20_000 })
  const { messages } = (await (await story.call('GET', `/api/sessions/${id}/transcript`)).json()) as TranscriptPage
  expect(messages).toMatchObject([{ role: 'user', problem: expect.stringContaining('no such key') }])
})

it('SU-1 with a profile that nobody has none begins', async () => {
  const story = await tell()
  const made = await story.call('POST', '/api/sessions', { workspace: story.workspace(), agent: 'planner' })
  expect(made.status).toBeGreaterThanOrEqual(400)
  expect(await made.text()).toMatch(/There is no profile planner.*Known: build, plan/)
  expect(story.daemon.store.watched.page({ limit: 10 }).items).toEqual([])
})

const rows = (entries: unknown[]) => ({
  ...{ format: 'openloom-session', version: 1, rows: entries.map((entry) => ({ at: 1, entry })) },
  session: { title: 'x\u001b[2J', agent: null, model: null, createdAt: 1 },
})

it('SU-1 a file that says a session of here carried its plan out is not believed', async () => {
  const t = await talk(script)
  const calls = [{ id: 'c1', name: 'submit_plan', argumentsText: '{"plan":"Do it."}' }]
  const file = rows([
    { type: 'prompt', promptId: 'p1', text: 'plan it' },
    { type: 'run.started', runId: 'r', promptId: 'p1', resumed: false, model: 'm', provider: 'p' },
    { type: 'assistant', runId: 'r', text: '', reasoning: '', finish: 'tool_calls', calls },
    { type: 'plan', runId: 'r', callId: 'c1', version: 1, text: 'Do it.' },
    { type: 'ask.answered', askId: 'a', callId: 'c1', tool: 'submit_plan', reply: { kind: 'execute_fresh' } },
    { type: 'plan.taken', runId: 'r', callId: 'c1', to: { sessionId: t.id, promptId: 'p9' } },
    { type: 'tool.ended', runId: 'r', callId: 'c1', ok: true, output: 'taken', facts: {} },
    { type: 'run.ended', runId: 'r', reason: 'plan', text: '', problem: null },
  ])
  const { id } = await t.post<{ id: string }>('/api/sessions/import', { workspace: t.folder, file })
  const { items } = await t.get<SessionPlans>(`/api/sessions/${id}/plans`)
  expect(items).toMatchObject([{ version: 1, status: 'execute_fresh', movedTo: null }])
  expect(JSON.stringify(await t.get<TranscriptPage>(`/api/sessions/${id}/transcript`))).not.toContain(t.id)
})

it('SU-1 a hostile file is refused, and one that is taken runs nothing', async () => {
  const t = await talk(script)
  const send = (file: unknown) => t.refusal('POST', '/api/sessions/import', { workspace: t.folder, file })
  const bad = [{}, null, 'x', rows([{ type: 'restored', files: [] }]), rows([{ type: 'prompt', promptId: 'p' }])]
  for (const file of bad) expect(await send(file)).toEqual({ status: 422, kind: 'bad-session-file' })
  const open = [
    { type: 'prompt', promptId: 'p1', text: 'go' },
    { type: 'run.started', runId: 'r', promptId: 'p1', resumed: false, model: 'm', provider: 'p' },
    {
      ...{ type: 'assistant', runId: 'r', text: '', reasoning: '', finish: 'tool_calls' },
      calls: [{ id: 'c1', name: 'bash', argumentsText: '{"command":"touch ran"}' }],
    },
  ]
  const { id } = await t.post<{ id: string }>('/api/sessions/import', { workspace: t.folder, file: rows(open) })
  // Not even a person who pauses and resumes it asks for that call.
  for (const deed of ['pause', 'resume']) await t.post(`/api/sessions/${id}/${deed}`)
  await vi.waitFor(() => expect(t.story.daemon.store.watched.get(id)?.state).toBe('idle'), { timeout: 20_000 })
  await t.post(`/api/sessions/${id}/prompt`, { text: 'hello' })
  await vi.waitFor(() => expect(t.story.daemon.store.watched.get(id)?.state).toBe('idle'), { timeout: 20_000 })
  expect(readdirSync(t.folder)).toEqual([])
  await vi.waitFor(() => expect(t.story.requests.filter(({ body }) => body)).toHaveLength(2))
})

it('SU-1 what a person says into a turn is exported, imported, forked and found like a prompt', async () => {
  const bash = { name: 'bash', arguments: { command: 'until test -f go; do sleep 0.02; done', timeout: 600_000 } }
  const t = await talk({ replies: [{ tool_calls: [bash] }, { text: 'painted' }], at_end: 'repeat' })
  await t.post(`/api/sessions/${t.id}/prompt`, { text: 'paint the house red' })
  await vi.waitFor(() => expect(t.story.requests.filter(({ body }) => body)).toHaveLength(1))
  await t.post(`/api/sessions/${t.id}/steer`, { text: 'no, paint it octarine' })
  writeFileSync(join(t.folder, 'go'), '')
  await vi.waitFor(() => expect(t.story.daemon.store.watched.get(t.id)?.state).toBe('idle'), { timeout: 20_000 })
  const file = await t.get<SessionFile>(`/api/sessions/${t.id}/export`)
  const taken = await t.post<{ id: string }>('/api/sessions/import', { workspace: t.folder, file })
  const fork = await t.post<{ id: string }>(`/api/sessions/${t.id}/fork`)
  for (const { id } of [taken, fork]) {
    await t.post(`/api/sessions/${id}/prompt`, { text: 'and now?' })
    await vi.waitFor(() => expect(t.story.daemon.store.watched.get(id)?.state).toBe('idle'), { timeout: 20_000 })
    expect(JSON.stringify(t.story.requests.at(-1)?.body)).toContain('no, paint it octarine')
  }
  const markdown = await (await t.story.call('GET', `/api/sessions/${taken.id}/export?format=markdown`)).text()
  expect(markdown).toContain('## You, meanwhile\n\nno, paint it octarine')
  const found = await t.get<SessionSearch>('/api/sessions/search?q=octarine')
  expect(found.items.map(({ sessionId }) => sessionId).sort()).toEqual([t.id, taken.id, fork.id].sort())
})

it('SU-2 a turn that was taken back does not come again with a fork at its message', async () => {
  const t = await talk(script)
  await t.say('remember the number 7')
  await t.say('forget me')
  const last = t.story.daemon.store.sessions.entries(t.id).findLast(({ entry }) => entry.type === 'prompt')
  await t.post(`/api/sessions/${t.id}/undo`)
  const refused = await t.refusal('POST', `/api/sessions/${t.id}/fork`, { at: String(last?.seq) })
  expect(refused).toMatchObject({ kind: 'unknown-message' })
})

it('SU-1 words are found with marks, whatever a query is made of', async () => {
  const t = await talk(script)
  await t.say('the heron stands in the “river” (again)')
  await t.say('nothing here')
  const find = (q: string) => t.get<SessionSearch>(`/api/sessions/search?q=${encodeURIComponent(q)}`)
  const { items, partial } = await find('HERON riv')
  expect([items.length, items[0]?.sessionId, partial]).toEqual([1, t.id, false])
  expect(items[0]?.pieces.filter((piece) => piece.found).map((piece) => piece.text)).toEqual(['heron', 'river'])
  for (const q of ['"', '*', 'a AND', 'NEAR(', 'text: x', '-heron', "';--", '\0', '(', 'heron OR', '^heron']) {
    expect((await find(q)).partial).toBe(false)
  }
  expect((await find('heron "again')).items).toHaveLength(1)
  expect(await find('TALK a')).toMatchObject({ titled: [{ id: t.id, title: 'A talk' }], items: [] })
})

it('SU-1 a session is renamed, put away and deleted with everything that was kept for it', async () => {
  const t = await talk(script)
  await t.say('five steps, please')
  await t.post(`/api/sessions/${t.id}/rename`, { title: 'Five  files\n' })
  expect((await t.get<SessionDetail>(`/api/sessions/${t.id}`)).session.title).toBe('Five files')
  const [offered] = (await t.get<ModelList>('/api/models')).items
  await t.post(`/api/sessions/${t.id}/model`, { model: ` ${offered?.provider}/${offered?.model} ` })
  const another = `${offered?.provider}/${offered?.model}`
  expect((await t.get<SessionDetail>(`/api/sessions/${t.id}`)).session.model).toBe(another)
  const refused = await t.story.call('POST', `/api/sessions/${t.id}/model`, { model: 'nope/none' })
  expect(refused.status).toBe(422)
  expect(((await refused.json()) as ProblemBody).detail).toContain(`The nearest are: ${another}`)
  expect((await t.get<SessionDetail>(`/api/sessions/${t.id}`)).session.model).toBe(another)
  expect((await t.get<SessionDetail>(`/api/sessions/${t.id}`)).own).toBe(true)
  await t.post(`/api/sessions/${t.id}/archive`, { archived: true })
  expect((await t.get<SessionPage>('/api/sessions')).items).toEqual([])
  expect((await t.get<SessionPage>('/api/sessions?archived=true')).items.map(({ id }) => id)).toEqual([t.id])
  await t.post(`/api/sessions/${t.id}/archive`, { archived: false })
  await t.get(`/api/sessions/search?q=five`)
  const kept = join(t.story.folder, 'data', 'checkpoints', t.id)
  expect(existsSync(kept)).toBe(true)
  expect((await t.story.call('DELETE', `/api/sessions/${t.id}`)).status).toBe(200)
  expect(existsSync(kept)).toBe(false)
  expect((await t.get<SessionSearch>('/api/sessions/search?q=five')).items).toEqual([])
  expect(t.story.daemon.store.sessions.entries(t.id)).toEqual([])
  expect(await t.refusal('GET', `/api/sessions/${t.id}`)).toEqual({ status: 404, kind: 'unknown-session' })
})

it('SU-1 while a turn runs nothing is deleted or taken back', async () => {
  const t = await talk(script)
  await t.post(`/api/sessions/${t.id}/prompt`, { text: 'hangs' })
  await vi.waitFor(() => expect(t.story.requests.filter(({ body }) => body)).toHaveLength(1), { timeout: 20_000 })
  expect(await t.refusal('DELETE', `/api/sessions/${t.id}`)).toEqual({ status: 409, kind: 'session-at-work' })
  expect(await t.refusal('POST', `/api/sessions/${t.id}/undo`, {})).toEqual({ status: 409, kind: 'session-at-work' })
  await t.post(`/api/sessions/${t.id}/abort`)
})

it('SU-1 a session in which another program works is left alone; when that is killed it is free at once', async () => {
  const t = await talk(script)
  await t.say('remember the number 7')
  const { store } = t.story.daemon
  const release = new SessionClaims(join(t.story.folder, 'data', 'claims')).take(t.id)
  const promptId = 'chat_1'
  const started = { runId: 'r_chat', promptId, resumed: false, model: 'm', provider: 'p' }
  store.sessions.append(
    t.id,
    { type: 'prompt', promptId, text: 'from a terminal' },
    { type: 'run.started', ...started },
  )
  const at = (deed: string, body: object = {}) => t.refusal('POST', `/api/sessions/${t.id}/${deed}`, body)
  const stateOf = async () => (await t.get<SessionDetail>(`/api/sessions/${t.id}`)).session.state
  const refused = await Promise.all([
    at('undo'),
    at('restore'),
    at('type', { line: 'true' }),
    at('prompt', { text: 'me too' }),
    at('pause'),
    at('compact'),
  ])
  expect(refused.map(({ status, kind }) => [status, kind])).toEqual([
    ...Array(3).fill([409, 'session-at-work']),
    ...Array(3).fill([409, 'session-busy']),
  ])
  expect([(await t.refusal('DELETE', `/api/sessions/${t.id}`)).status, await stateOf()]).toEqual([409, 'busy'])
  // However long it is: a list does not read through what another program is at.
  const read = vi.spyOn(store.sessions, 'entries')
  expect((await t.get<SessionPage>('/api/sessions')).items.map(({ state }) => state)).toEqual(['busy'])
  expect(read).not.toHaveBeenCalled()
  release?.()
  expect((await t.get<SessionPage>('/api/sessions')).items.map(({ state }) => state)).toEqual(['interrupted'])
  expect(await stateOf()).toBe('interrupted')
  expect((await t.post<Undone>(`/api/sessions/${t.id}/undo`)).promptId).toBe(promptId)
  await t.say('and now?')
})

it('DU-3 a call whose program was killed does not run for ever: its outcome is told to be unknown', async () => {
  const t = await talk(script)
  const { store } = t.story.daemon
  const release = new SessionClaims(join(t.story.folder, 'data', 'claims')).take(t.id)
  const ofRun = { runId: 'r_chat' }
  const calls = ['c1', 'c2'].map((id) => ({ id, name: 'bash', argumentsText: '{"command":"make"}' }))
  store.sessions.append(
    t.id,
    { type: 'prompt', promptId: 'chat_1', text: 'from a terminal' },
    { type: 'run.started', ...ofRun, promptId: 'chat_1', resumed: false, model: 'm', provider: 'p' },
    { type: 'assistant', ...ofRun, text: '', reasoning: '', calls, finish: 'tool_calls' },
    { type: 'tool.started', ...ofRun, callId: 'c1', readOnly: false },
  )
  const seen = async () => {
    const { messages } = await t.get<TranscriptPage>(`/api/sessions/${t.id}/transcript`)
    const parts = messages.flatMap((message) => message.parts)
    return parts.flatMap((part) => (part.kind === 'tool' ? [[part.state, part.output.split(':')[0]]] : []))
  }
  expect(await seen()).toEqual([
    ['running', ''],
    ['pending', ''],
  ])
  release?.()
  const left = [
    ['error', 'Not known'],
    ['error', 'Not run'],
  ]
  expect(await seen()).toEqual(left)
  await t.say('and now?')
  expect(await seen()).toEqual(left)
})

it('SU-1 the last turn is taken back: the model does not hear of it, the rows stay', async () => {
  const t = await talk(script)
  await t.say('remember the number 7')
  await t.say('forget me')
  const rows = t.story.daemon.store.sessions.entries(t.id).length
  await t.post(`/api/sessions/${t.id}/undo`)
  expect(textsOf(await t.get<TranscriptPage>(`/api/sessions/${t.id}/transcript`))).toEqual([
    'remember the number 7',
    'I hear you.',
  ])
  expect(t.story.daemon.store.sessions.entries(t.id)).toHaveLength(rows + 1)
  await t.say('and now?')
  const sent = JSON.stringify(t.story.requests.at(-1)?.body)
  expect([sent.includes('number 7'), sent.includes('forget me')]).toEqual([true, false])
  await t.post(`/api/sessions/${t.id}/undo`)
  await t.post(`/api/sessions/${t.id}/undo`)
  expect(await t.refusal('POST', `/api/sessions/${t.id}/undo`, {})).toEqual({ status: 409, kind: 'nothing-to-undo' })
})

it('SU-1 and CX-3 a turn that is taken back takes its summary along, and what that stood for is back', async () => {
  const long = 'I think about it at some length. '.repeat(60)
  const looks = Array.from({ length: 8 }, (_, n) => ({ text: long, ...call('glob', { pattern: `no-${n}` }) }))
  const summary = { match: '^Summarise:', text: 'Goal: the secret plan.' }
  const t = await talk([summary, { text: 'I keep the 7.' }, ...looks, { text: 'planned' }, { text: 'Here I am.' }])
  await t.say('remember the number 7')
  await t.say('make a secret plan')
  await t.post(`/api/sessions/${t.id}/compact`)
  const kinds = () => t.story.daemon.store.sessions.entries(t.id).map(({ entry }) => entry.type)
  expect(kinds()).toContain('compacted')
  const undone = await t.post<Undone>(`/api/sessions/${t.id}/undo`)
  expect(undone.files).toBeNull()
  expect(textsOf(await t.get<TranscriptPage>(`/api/sessions/${t.id}/transcript`))).toEqual([
    'remember the number 7',
    'I keep the 7.',
  ])
  await t.say('and now?')
  const sent = JSON.stringify(t.story.requests.at(-1)?.body)
  expect(['number 7', 'I keep the 7.', 'and now?'].map((words) => sent.includes(words))).toEqual([true, true, true])
  expect(sent).not.toContain('secret plan')
  await t.post(`/api/sessions/${t.id}/undo`)
  await t.post(`/api/sessions/${t.id}/undo`)
  expect(await t.refusal('POST', `/api/sessions/${t.id}/undo`, {})).toEqual({ status: 409, kind: 'nothing-to-undo' })
})

it('SU-1 and CX-3 a turn in whose middle the loop itself made a summary is taken back as a whole', async () => {
  const text = 'I think about the secret plan at some length. '.repeat(300)
  const look = (n: number) => call('glob', { pattern: `no-${n}` })
  const planned = { text: 'planned' }
  const summary = { match: '^Summarise:', text: 'Goal: the secret plan.' }
  const later = [20, 21, 22, 23, 24].map(look)
  const replies = [summary, { match: 'and now', text: 'Here I am.' }, { text: 'I keep the 7.' }]
  const t = await talk(
    {
      conversations: [{ match: '^The beginning of this', replies: [summary, ...later, planned], at_end: 'repeat' }],
      replies: [...replies, ...[0, 1, 2, 3, 4, 5, 6].map((n) => ({ text, ...look(n) })), planned],
    },
    'runtimes:\n  - kind: builtin\n    context_tokens: 16000\n',
  )
  await t.say('remember the number 7')
  await t.say('make a secret plan')
  const kinds = t.story.daemon.store.sessions.entries(t.id).map(({ entry }) => entry.type)
  expect(kinds.lastIndexOf('tool.ended')).toBeGreaterThan(kinds.indexOf('compacted'))
  expect(kinds.indexOf('compacted')).toBeGreaterThan(kinds.lastIndexOf('prompt'))
  await t.post<Undone>(`/api/sessions/${t.id}/undo`)
  expect(textsOf(await t.get<TranscriptPage>(`/api/sessions/${t.id}/transcript`))).toEqual([
    'remember the number 7',
    'I keep the 7.',
  ])
  await t.say('and now?')
  const sent = JSON.stringify(t.story.requests.at(-1)?.body)
  expect(['number 7', 'I keep the 7.', 'and now?'].map((words) => sent.includes(words))).toEqual([true, true, true])
  expect(sent).not.toContain('secret plan')
})

it('SU-2 a fork before a tool result has a history that the model takes', async () => {
  const t = await talk(script)
  await t.say('five steps, please')
  const rows = t.story.daemon.store.sessions.entries(t.id)
  const second = rows.filter(({ entry }) => entry.type === 'assistant')[1]
  for (const at of [second?.seq, (second?.seq ?? 0) + 1]) {
    const fork = await t.post<{ id: string; forkedFrom: string }>(`/api/sessions/${t.id}/fork`, { at })
    expect(fork.forkedFrom).toBe(t.id)
    await t.post(`/api/sessions/${fork.id}/prompt`, { text: 'go on' })
    await vi.waitFor(() => expect(t.story.daemon.store.watched.get(fork.id)?.state).toBe('idle'), { timeout: 20_000 })
    // The scripted model refuses a history in which a call has no result.
    const page = await t.get<TranscriptPage>(`/api/sessions/${fork.id}/transcript`)
    expect(page.messages.at(-1)).toMatchObject({ role: 'assistant', problem: null })
  }
  expect(t.story.daemon.store.sessions.entries(t.id)).toEqual(rows)
})

it('DU-4 of 50 posts with one key one run begins: a task, and a prompt in a session', async () => {
  const t = await talk(script)
  const fifty = (path: string, body: unknown) =>
    Promise.all(Array.from({ length: 50 }, () => t.story.call('POST', path, body, { 'idempotency-key': 'k1' })))
  const said = await fifty(`/api/sessions/${t.id}/prompt`, { text: 'say it once' })
  expect(said.map(({ status }) => status)).toEqual(Array(50).fill(201))
  const ended = () => expect(t.story.daemon.store.watched.get(t.id)?.state).toBe('idle')
  await vi.waitFor(ended, { timeout: 20_000, interval: 10 })
  const runs = () => t.story.daemon.store.sessions.entries(t.id).filter(({ entry }) => entry.type === 'run.started')
  expect([runs().length, t.story.requests.filter(({ body }) => body).length]).toEqual([1, 1])
  const tasks = await fifty('/api/tasks', { goal: 'say it once', workspace: t.folder })
  const ids = await Promise.all(tasks.map(async (answer) => ((await answer.json()) as { id: string }).id))
  expect([new Set(ids).size, ids[0]]).toEqual([1, expect.stringMatching(/^t_/)])
})
