/**
 * Sessions of our own agent as a person keeps them: found, copied, taken back, taken away, and their files with them.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import type { FileDiff, TranscriptPage } from '../../src/core/session.ts'
import type { SessionFile } from '../../src/harness/session-file.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import type {
  ModelList,
  ProblemBody,
  Restored,
  SessionDetail,
  SessionPage,
  SessionSearch,
  SessionSteps,
  Undone,
} from '../../src/server/api.ts'
import { type Story, tell } from '../fakes/story.ts'

const call = (name: string, args: Record<string, unknown>) => ({ tool_calls: [{ name, arguments: args }] })
const write = (file: string, content: string) => call('write', { file_path: file, content })

const script: ScriptInput = {
  conversations: [
    {
      match: 'five steps',
      replies: [...[1, 2, 3, 4, 5].map((n) => write(`f${n}.txt`, `${n}\n`)), { text: 'all five' }],
    },
    {
      match: 'change it',
      replies: [
        call('read', { file_path: 'old.txt' }),
        call('edit', { file_path: 'old.txt', old_string: 'one', new_string: 'two' }),
        { text: 'changed' },
      ],
    },
    { match: 'hangs', replies: [call('bash', { command: 'sleep 60', timeout: 90_000 }), { text: 'late' }] },
  ],
  replies: [{ text: 'I hear you.' }],
  at_end: 'repeat',
}

interface Talk {
  story: Story
  id: string
  folder: string
  /** Sends a prompt and waits for the end of its turn. */
  say(text: string): Promise<void>
  post<T>(path: string, body?: unknown): Promise<T>
  get<T>(path: string): Promise<T>
  refusal(method: string, path: string, body?: unknown): Promise<{ status: number; kind: string | undefined }>
}

async function talk(): Promise<Talk> {
  const story = await tell({ script })
  const folder = story.workspace()
  const json = async <T>(answer: Response): Promise<T> => {
    if (!answer.ok) throw new Error(await answer.text())
    return (await answer.json()) as T
  }
  const post = async <T>(path: string, body: unknown = {}) => json<T>(await story.call('POST', path, body))
  const get = async <T>(path: string) => json<T>(await story.call('GET', path))
  const { id } = await post<{ id: string }>('/api/sessions', { workspace: folder, title: 'A talk' })
  return {
    ...{ story, id, folder, post, get },
    async say(text) {
      await post(`/api/sessions/${id}/prompt`, { text })
      const look = () => expect(story.daemon.store.watched.get(id)?.state).toBe('idle')
      await vi.waitFor(look, { timeout: 20_000, interval: 10 })
    },
    async refusal(method, path, body) {
      const answer = await story.call(method, path, body)
      return { status: answer.status, kind: ((await answer.json()) as ProblemBody).problems[0]?.kind }
    },
  }
}

const textsOf = ({ messages }: TranscriptPage): string[] =>
  messages.flatMap(({ parts }) => parts.flatMap((part) => (part.kind === 'text' ? [part.text] : [])))

it('SU-1 a session is exported and imported equal, and markdown shows its tools', async () => {
  const t = await talk()
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

it('SU-1 a hostile file is refused, and one that is taken runs nothing', async () => {
  const t = await talk()
  const rows = (entries: unknown[]) => ({
    ...{ format: 'openloom-session', version: 1, rows: entries.map((entry) => ({ at: 1, entry })) },
    session: { title: 'x\u001b[2J', agent: null, model: null, createdAt: 1 },
  })
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
  await t.post(`/api/sessions/${id}/prompt`, { text: 'hello' })
  await vi.waitFor(() => expect(t.story.daemon.store.watched.get(id)?.state).toBe('idle'), { timeout: 20_000 })
  expect(readdirSync(t.folder)).toEqual([])
  expect(t.story.requests).toHaveLength(1)
})

it('SU-1 words are found with marks, whatever a query is made of', async () => {
  const t = await talk()
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
})

it('SU-1 a session is renamed, put away and deleted with everything that was kept for it', async () => {
  const t = await talk()
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
  const t = await talk()
  await t.post(`/api/sessions/${t.id}/prompt`, { text: 'hangs' })
  await vi.waitFor(() => expect(t.story.requests).toHaveLength(1), { timeout: 20_000 })
  expect(await t.refusal('DELETE', `/api/sessions/${t.id}`)).toEqual({ status: 409, kind: 'session-at-work' })
  expect(await t.refusal('POST', `/api/sessions/${t.id}/undo`, {})).toEqual({ status: 409, kind: 'session-at-work' })
  await t.post(`/api/sessions/${t.id}/abort`)
})

it('SU-1 the last turn is taken back: the model does not hear of it, the rows stay', async () => {
  const t = await talk()
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

it('SU-2 a fork before a tool result has a history that the model takes', async () => {
  const t = await talk()
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

it('DU-7 undoing from step 3 of 5 restores files and leaves the index of git alone', async () => {
  const t = await talk()
  mkdirSync(join(t.folder, '.git'))
  writeFileSync(join(t.folder, '.git', 'index'), 'not to be touched')
  const index = () => [readFileSync(join(t.folder, '.git', 'index'), 'utf8'), readdirSync(join(t.folder, '.git'))]
  const before = index()
  await t.say('five steps, please')
  const { items } = await t.get<SessionSteps>(`/api/sessions/${t.id}/steps`)
  expect(items.map(({ tool, changes }) => [tool, changes.length])).toEqual(Array(5).fill(['write', 1]))
  const done = await t.post<Restored>(`/api/sessions/${t.id}/restore`, { from: items[2]?.callId })
  expect([done.restored.length, done.refused]).toEqual([3, []])
  expect(readdirSync(t.folder).sort()).toEqual(['.git', 'f1.txt', 'f2.txt'])
  expect(index()).toEqual(before)
  expect((await t.get<{ items: FileDiff[] }>(`/api/sessions/${t.id}/diff`)).items.map(({ path }) => path)).toEqual([
    'f1.txt',
    'f2.txt',
  ])
})

it('SU-3 a revert restores bytes and mode, and names a file that changed since', async () => {
  const t = await talk()
  const path = join(t.folder, 'old.txt')
  const bytes = Buffer.from('\ufeffone\r\nmore\r\n')
  writeFileSync(path, bytes, { mode: 0o750 })
  await t.say('change it')
  const { items } = await t.get<{ items: FileDiff[] }>(`/api/sessions/${t.id}/diff`)
  expect(items).toMatchObject([{ path: 'old.txt', status: 'changed', additions: 1, deletions: 1 }])
  expect(items[0]?.patch).toContain('-one')
  const changed = readFileSync(path)
  writeFileSync(path, 'mine')
  const undone = await t.post<Undone>(`/api/sessions/${t.id}/undo`, { files: true })
  expect(undone.files).toMatchObject({ restored: [], refused: [{ why: 'It changed since.' }] })
  expect(readFileSync(path, 'utf8')).toBe('mine')
  writeFileSync(path, changed)
  const { restored } = await t.post<Restored>(`/api/sessions/${t.id}/restore`)
  expect([restored.length, statSync(path).mode & 0o777]).toEqual([1, 0o750])
  expect(readFileSync(path).equals(bytes)).toBe(true)
  expect((await t.get<{ items: FileDiff[] }>(`/api/sessions/${t.id}/diff`)).items).toEqual([])
})

it('DU-4 of 50 posts with one key one run begins: a task, and a prompt in a session', async () => {
  const t = await talk()
  const fifty = (path: string, body: unknown) =>
    Promise.all(Array.from({ length: 50 }, () => t.story.call('POST', path, body, { 'idempotency-key': 'k1' })))
  const said = await fifty(`/api/sessions/${t.id}/prompt`, { text: 'say it once' })
  expect(said.map(({ status }) => status)).toEqual(Array(50).fill(201))
  const ended = () => expect(t.story.daemon.store.watched.get(t.id)?.state).toBe('idle')
  await vi.waitFor(ended, { timeout: 20_000, interval: 10 })
  const runs = () => t.story.daemon.store.sessions.entries(t.id).filter(({ entry }) => entry.type === 'run.started')
  expect([runs().length, t.story.requests.length]).toEqual([1, 1])
  const tasks = await fifty('/api/tasks', { goal: 'say it once', workspace: t.folder })
  const ids = await Promise.all(tasks.map(async (answer) => ((await answer.json()) as { id: string }).id))
  expect([new Set(ids).size, ids[0]]).toEqual([1, expect.stringMatching(/^t_/)])
})
