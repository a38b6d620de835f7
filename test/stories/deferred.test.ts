/** What a run asks and does not wait for: the work goes on, the answer is heard when it comes. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import type { AskItem } from '../../src/server/api.ts'
import { type Asking, asking, bash } from '../fakes/asking.ts'

const write = (file_path: string) => ({ tool_calls: [{ name: 'write', arguments: { file_path, content: 'x' } }] })
const made = bash('echo 1 > made')
const check = 'checks: ["file: made"]'

/** What the model was told last by anybody but a tool. */
const lastSaid = ({ story }: Asking): string => {
  const body = story.requests.at(-1)?.body as { messages?: { role: string; content: string }[] } | undefined
  return body?.messages?.findLast(({ role }) => role === 'user')?.content ?? ''
}
const statusOf = async ({ get }: Asking, { id }: AskItem) => (await get<{ ask: AskItem }>(`/api/asks/${id}`)).ask.status
const raised = ({ story }: Asking) =>
  story.daemon.store.events.after(0, 1_000).filter(({ type }) => type === 'ask.raised')

describe('PM-6 a run that asks and does not wait', () => {
  it('does all else, then the task waits; allowed, exactly that call is made, once', async () => {
    const a = await asking([made, write('other'), { text: 'made is missing' }, made, made, { text: 'done' }], check)
    const { task } = await a.story.reaches('waiting')
    expect(task.reason).toEqual({ code: 'needs-permission', text: 'Nobody has answered yet: bash echo 1 > made' })
    expect([existsSync(join(a.folder, 'other')), existsSync(join(a.folder, 'made'))]).toEqual([true, false])
    expect(a.outputs()[0]).toMatch(/^Not done: a person was asked, and the work does not wait for it\./)
    const ask = await a.open()
    expect(ask).toMatchObject({ deferred: 'untold', status: 'open', deadlineAt: expect.any(Number) })
    expect((await a.answer(ask, { reply: 'once' })).status).toBe(200)
    // The second time nobody has allowed it yet.
    const again = await vi.waitFor(async () => {
      const found = await a.open()
      expect(found.id).not.toBe(ask.id)
      return found
    })
    expect(existsSync(join(a.folder, 'made'))).toBe(true)
    const { task: ended } = await a.story.reaches('done')
    expect(ended.verdict).toBe('verified')
    expect(await statusOf(a, again)).toBe('gone')
    const told = a.story.requests
      .map(({ body }) => JSON.stringify(body))
      .filter((text) => text.includes('It is allowed.'))
    expect(told.length).toBeGreaterThan(0)
  })

  it('hears a no with its reason, and is not asked about the same again', async () => {
    const a = await asking([made, { text: 'missing' }, made, write('made'), { text: 'done' }], check)
    await a.story.reaches('waiting')
    await a.answer(await a.open(), { reply: 'reject', message: 'Write the file.' })
    const { task } = await a.story.reaches('done')
    expect([task.verdict, task.attempt, raised(a).length]).toEqual(['verified', 2, 1])
    // What was only put off was not decided.
    const decided = a.story.daemon.store.events.after(0, 1_000).filter(({ type }) => type === 'permission.decided')
    expect(decided.map(({ data }) => data.decision)).toEqual(['deny'])
    expect(a.outputs().slice(1)).toEqual(['Not permitted. Write the file.', expect.stringContaining('made')])
    expect(lastSaid(a)).toContain('It is not allowed. Write the file.')
  })

  it('asks a person once, however often the agent comes back to it', async () => {
    const a = await asking([made, write('other'), made, { text: 'missing' }], check)
    await a.story.reaches('waiting')
    expect(a.outputs().map((text) => text.slice(0, 9))).toEqual(['Not done:', expect.any(String), 'Not done:'])
    expect(raised(a)).toHaveLength(1)
    await a.open()
  })

  it('asks a person about twenty things at most', async () => {
    const calls = Array.from({ length: 25 }, (_, n) => bash(`echo ${n} > made`))
    const a = await asking([...calls, { text: 'missing' }], check)
    await a.story.reaches('waiting')
    expect([raised(a).length, a.outputs().length]).toEqual([20, 25])
    expect(a.outputs().at(-1)).toMatch(/^Not done, and nobody was asked: too many things/)
  })

  it('gets the answer to a question as soon as it is there', async () => {
    const questions = [{ question: 'Which colour?', choices: ['red', 'blue'] }]
    const a = await asking(
      [{ tool_calls: [{ name: 'ask_user', arguments: { questions } }] }, { text: 'missing' }, { text: 'done' }],
      ' ',
    )
    const { task } = await a.story.reaches('waiting')
    expect(task.reason?.code).toBe('needs-question')
    expect(a.outputs()).toEqual([expect.stringMatching(/^Not answered yet: a person was asked/)])
    await a.answer(await a.open(), { answers: [['blue']] })
    // No check says whether it is right: it is done when nothing is asked any more.
    const { task: ended } = await a.story.reaches('done')
    expect([ended.verdict, ended.attempt]).toEqual(['unverified', 2])
    expect(lastSaid(a)).toContain('Q: Which colour?\nA: blue')
  })

  it('hears an answer of any length, cut to what fits into a turn', async () => {
    const questions = Array.from({ length: 10 }, (_, n) => ({ question: `Which ${n}?`, choices: [] }))
    const a = await asking(
      [{ tool_calls: [{ name: 'ask_user', arguments: { questions } }] }, { text: 'no' }, { text: 'done' }],
      ' ',
    )
    await a.story.reaches('waiting')
    const answers = questions.map(() => ['long '.repeat(1_900)])
    expect((await a.answer(await a.open(), { answers })).status).toBe(200)
    const { task } = await a.story.reaches('done')
    expect(task.attempt).toBe(2)
    expect(lastSaid(a)).toMatch(/Q: Which 0\?\nA: long long[\s\S]*characters left out/)
  })

  it('hears an answer in the middle of its turn', async () => {
    const a = await asking([made, { ...write('other'), delay_ms: 700 }, made, { text: 'done' }], check)
    await a.answer(await a.open(), { reply: 'once' })
    const { task } = await a.story.reaches('done')
    expect([task.verdict, task.attempt]).toEqual(['verified', 1])
    expect(lastSaid(a)).toContain('It is allowed. Make exactly that call again if you still need it.')
  })

  it('hears in its next turn what was answered while its work was checked, as if it had one turn more', async () => {
    const slow = 'checks: ["command: sleep 1; test -e made"]'
    const a = await asking([made, { text: 'missing' }, made, { text: 'done' }], slow)
    const ask = await a.open()
    await a.story.reaches('verifying')
    await a.answer(ask, { reply: 'once' })
    const { task } = await a.story.reaches('done')
    expect([task.verdict, task.attempt]).toEqual(['verified', 2])
  })

  it('may do nothing else with what was allowed: a call that is not the same to the letter is asked', async () => {
    const like = { tool_calls: [{ name: 'bash', arguments: { command: 'echo 1 > made', timeout: 5 } }] }
    const a = await asking([made, { text: 'missing' }, like, { text: 'missing' }], check)
    await a.story.reaches('waiting')
    const first = await a.open()
    await a.answer(first, { reply: 'once' })
    await vi.waitFor(() => expect(raised(a)).toHaveLength(2))
    await a.story.reaches('waiting')
    expect([(await a.open()).request, existsSync(join(a.folder, 'made'))]).toEqual([expect.anything(), false])
  })

  it('that can do without the answer is done, and nobody is asked any more', async () => {
    const a = await asking([bash('touch extra'), write('made'), { text: 'done' }], check)
    await a.story.reaches('done')
    expect(raised(a)).toHaveLength(1)
    const { items } = await a.get<{ items: AskItem[] }>('/api/asks?status=all')
    expect(items).toMatchObject([{ status: 'gone', deferred: 'used' }])
  })

  it('goes on without it when nobody answers in time', async () => {
    const keys = `${check}\nask_deadline_minutes: 0.01`
    const a = await asking([made, { text: 'missing' }, write('made'), { text: 'done' }], keys)
    const { task } = await a.story.reaches('done')
    expect(task.verdict).toBe('verified')
    expect(lastSaid(a)).toMatch(/^Nobody answered in time what you asked before/)
  })

  it('is paused, and hears what was answered meanwhile when it is resumed', async () => {
    const a = await asking([made, { text: 'missing' }, made, { text: 'done' }], check)
    const { task } = await a.story.reaches('waiting')
    await a.story.call('POST', `/api/tasks/${task.id}/pause`, {})
    await a.story.reaches('paused')
    await a.answer(await a.open(), { reply: 'once' })
    expect((await a.story.detail(task.id)).task.status).toBe('paused')
    await a.story.call('POST', `/api/tasks/${task.id}/resume`, {})
    expect((await a.story.reaches('done')).task.verdict).toBe('verified')
  })

  it('waits where the task says so', async () => {
    const a = await asking([made, { text: 'done' }], `${check}\nask: wait`)
    const ask = await a.open()
    await a.story.reaches('waiting')
    expect([ask.deferred, a.outputs().length]).toEqual([null, 0])
    writeFileSync(join(a.folder, 'unrelated'), '')
    await a.answer(ask, { reply: 'once' })
    expect((await a.story.reaches('done')).task.attempt).toBe(1)
  })
})
