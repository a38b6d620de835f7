/** Plans of our own agent through the whole daemon: sessions and tasks, and every way in which a person answers. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import type { TranscriptPage } from '../../src/core/session.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import type { AskItem, AskList, ProblemBody, SessionDetail, SessionPlans } from '../../src/server/api.ts'
import { type Story, tell } from '../fakes/story.ts'

const until = <T>(look: () => Promise<T> | T) => vi.waitFor(look)
const plan = (text: string) => ({ tool_calls: [{ name: 'submit_plan', arguments: { plan: text } }] })
const write = { tool_calls: [{ name: 'write', arguments: { file_path: 'made.txt', content: 'made' } }] }
const text = '# Make it\n\n1. Write made.txt.'

function seen(story: Story, folder: string) {
  const get = async <T>(path: string) => (await (await story.call('GET', path)).json()) as T
  return {
    get,
    made: () => existsSync(join(folder, 'made.txt')),
    open: (version = 1): Promise<AskItem> =>
      until(async () => {
        const [ask] = (await get<AskList>('/api/asks')).items
        expect(ask?.request).toMatchObject({ kind: 'plan', version })
        return ask as AskItem
      }),
    answer: async (ask: AskItem, body: unknown) => {
      const answer = await story.call('POST', `/api/asks/${ask.id}`, body)
      const { problems } = (await answer.json()) as Partial<ProblemBody>
      return problems?.[0] ? [problems[0].kind, answer.status] : answer.status
    },
  }
}

async function talking(script: ScriptInput) {
  const story = await tell({ script })
  const folder = story.workspace()
  const made = await story.call('POST', '/api/sessions', { workspace: folder, title: 'A talk', agent: 'plan' })
  const { id } = (await made.json()) as { id: string }
  await story.call('POST', `/api/sessions/${id}/prompt`, { text: 'Plan it.' })
  return { story, id, folder, ...seen(story, folder) }
}

async function working(script: ScriptInput, keys = '') {
  const story = await tell({ script })
  const folder = story.workspace()
  const head = `---\nworkspace: ${folder}\nagent: plan\nmax_attempts: 1\n${keys}\n---\n\n`
  story.drop('work.md', `${head}# Make it\n\n## goal\n\nMake it.\n\n## checks\n\n- file: made.txt\n`)
  return { story, folder, ...seen(story, folder) }
}

describe('SA-3 the plan of a session', () => {
  it('is carried out by a fresh session whose first prompt it is; the old one says where it went', async () => {
    const t = await talking({
      conversations: [{ match: 'A person has accepted', replies: [write, { text: 'done' }] }],
      replies: [plan(text)],
    })
    const ask = await t.open()
    expect(await t.answer(ask, { reply: 'once' })).toEqual(['is-a-plan', 422])
    expect(await t.answer(ask, { reply: 'execute_fresh' })).toBe(200)
    const [{ movedTo }] = await until(async () => {
      const { items } = await t.get<SessionPlans>(`/api/sessions/${t.id}/plans`)
      expect(items).toMatchObject([{ status: 'execute_fresh', movedTo: expect.stringMatching(/^s_/) }])
      return items as [SessionPlans['items'][number]]
    })
    const ends = await until(() => {
      const found = t.story.daemon.store.events.after(0, 1_000).filter(({ type }) => type === 'run.ended')
      expect(found.map(({ data }) => data.reason).sort()).toEqual(['completed', 'plan'])
      return found
    })
    expect(t.made()).toBe(true)
    const fresh = await t.get<SessionDetail>(`/api/sessions/${movedTo}`)
    expect(fresh.session).toMatchObject({ workspace: t.folder, agent: 'build', taskId: null })
    const { messages } = await t.get<TranscriptPage>(`/api/sessions/${movedTo}/transcript`)
    expect(messages[0]?.parts).toEqual([{ kind: 'text', text: expect.stringContaining(text) }])
    const said = await t.get<TranscriptPage>(`/api/sessions/${t.id}/transcript`)
    expect(said.messages.at(-1)?.parts).toMatchObject([{ name: 'submit_plan', childId: movedTo }])
    const old = await t.get<SessionDetail>(`/api/sessions/${t.id}`)
    expect(old.session).toMatchObject({ state: 'idle', agent: 'plan' })
    expect(ends.map(({ data }) => data.text)).toContain(`The plan is carried out by the session ${movedTo}.`)
  })

  it('goes back with a word in a file of the inbox, and tells what its next version changes', async () => {
    const t = await talking([plan(text), plan(`${text}\n2. Say so.`), { text: 'never' }])
    const ask = await t.open()
    expect(await t.answer(ask, { reply: 'feedback', message: ' ' })).toEqual(['no-answer', 422])
    t.story.drop('more.md', `answer: ${ask.id}\n\nSay so, too.\n`)
    const next = await t.open(2)
    const raised = t.story.daemon.store.events.after(0, 1_000).filter(({ type }) => type === 'ask.raised')
    expect(raised.at(-1)?.data).toMatchObject({
      summary: '"A talk" wants you to look at its plan 2: Make it',
      plan: expect.stringContaining('2. Say so.'),
    })
    t.story.drop('no.md', `deny: ${next.id}\nmessage: Not today.\n`)
    await until(() => expect(t.story.daemon.store.watched.get(t.id)?.state).toBe('idle'))
    const { items } = await t.get<SessionPlans>(`/api/sessions/${t.id}/plans`)
    expect(items).toMatchObject([
      { version: 2, status: 'reject', message: 'Not today.', change: expect.stringContaining('\n+2. Say so.') },
      { version: 1, status: 'feedback', message: 'Say so, too.', change: '' },
    ])
    expect(t.story.requests.filter(({ body }) => body)).toHaveLength(2)
  })
})

describe('SA-3 the plan of a task', () => {
  it('waits for a person, whatever the task accepts unasked, and is carried out in the same attempt', async () => {
    const w = await working([plan(text), write, { text: 'done' }], 'auto_accept: true')
    const ask = await w.open()
    const { task } = await w.story.reaches('waiting')
    expect(task.reason).toMatchObject({ code: 'needs-plan' })
    expect(await w.answer(ask, { reply: 'execute_fresh' })).toEqual(['not-fresh', 422])
    w.story.drop('yes.md', `approve: ${ask.id}\n`)
    const ended = await w.story.reaches('done')
    expect(ended.task).toMatchObject({ verdict: 'verified', attempt: 1 })
  })

  it('is rejected at once where the task asks nobody; its checks judge what is there', async () => {
    const w = await working([plan(text), { text: 'never' }], 'ask: deny')
    const { task } = await w.story.reaches('failed')
    expect(task).toMatchObject({ verdict: 'refuted' })
    expect(w.made()).toBe(false)
  })
})
