/** What an OpenCode session asks, through the whole daemon: told, answered by file, webhook, API, rule, or task. */
import { describe, expect, it, vi } from 'vitest'
import type { AskList, SessionDetail } from '../../src/server/api.ts'
import { openCodeAsking, wants } from '../fakes/opencode-asking.ts'

const until = <T>(look: () => Promise<T> | T) => vi.waitFor(look)
/** The turn waits for its answer. */
const asking = (keys = '') => openCodeAsking(`ask: wait\n${keys}`)

describe('a permission', () => {
  it('of a subagent is told with the task it belongs to, and given by a file of the inbox', async () => {
    const a = await asking()
    const reply = wants(a.turn.subagent('Look around.').turn, 'ls /')
    const ask = await a.open()
    expect(ask).toMatchObject({ taskId: a.taskId, request: { permission: 'bash', patterns: ['ls /'] } })
    expect(ask.sessionId).not.toBe(ask.rootId)
    await until(() => expect(a.story.notifications().map(({ data }) => data.askId)).toContain(ask.id))
    a.story.drop('yes.md', `approve: ${ask.id}\n`)
    expect(await reply).toMatchObject({ reply: 'once' })
    await until(() => expect(a.story.inboxNames()).toContain(`processed-${ask.id}-yes.md`))
    expect((await a.get<AskList>('/api/asks?status=answered')).items).toMatchObject([{ id: ask.id, by: 'person' }])
  })

  it('that was given always is asked by the agent again and by nobody else', async () => {
    const a = await asking()
    const first = wants(a.turn, 'npm test')
    const ask = await a.open()
    await a.story.call('POST', `/api/asks/${ask.id}`, { reply: 'always' })
    expect(await first).toMatchObject({ reply: 'once' })
    expect(await wants(a.turn, 'npm test')).toMatchObject({ reply: 'once' })
    expect((await a.get<AskList>('/api/asks?status=all')).items.map(({ by }) => by).sort()).toEqual(['person', 'rule'])
  })

  it('that the task accepts is given unasked, and another is not', async () => {
    const a = await asking('auto_accept: ["bash git *"]')
    expect(await wants(a.turn, 'git status')).toMatchObject({ reply: 'once' })
    const denied = wants(a.turn, 'git status; rm -rf /')
    const ask = await a.open()
    await a.story.call('POST', `/api/asks/${ask.id}`, { reply: 'reject', message: 'One at a time.' })
    expect(await denied).toMatchObject({ reply: 'reject', message: 'One at a time.' })
  })
})

describe('auto-accept, switched by a person', () => {
  it('answers what is asked from then on, not what was asked before, until it is switched off', async () => {
    const a = await asking()
    const turn = (on: boolean) => a.story.call('POST', `/api/tasks/${a.taskId}/auto-accept`, { on })
    const before = wants(a.turn, 'git push')
    const ask = await a.open()
    expect((await turn(true)).status).toBe(200)
    expect(await wants(a.turn, 'git status')).toMatchObject({ reply: 'once' })
    expect((await a.open()).id).toBe(ask.id)
    await a.story.call('POST', `/api/asks/${ask.id}`, { reply: 'once' })
    await before
    await turn(false)
    const asked = wants(a.turn, 'git fetch')
    await a.story.call('POST', `/api/asks/${(await a.open()).id}`, { reply: 'reject', message: 'no' })
    expect(await asked).toMatchObject({ reply: 'reject' })
    const told = a.story.daemon.store.events.after(0, 1_000, a.taskId).filter(({ type }) => type === 'task.updated')
    expect(told.map(({ data }) => data.autoAccept)).toEqual([true, false])
  })

  it('is refused for a task that has ended', async () => {
    const a = await asking()
    await a.story.call('POST', `/api/tasks/${a.taskId}/cancel`, {})
    const refused = await a.story.call('POST', `/api/tasks/${a.taskId}/auto-accept`, { on: true })
    expect([refused.status, await refused.text()]).toEqual([409, expect.stringContaining('asks for nothing any more')])
  })
})

describe('a question', () => {
  it('is answered from a phone, one line a question', async () => {
    const a = await asking()
    const option = (label: string) => ({ label, description: '' })
    const answers = a.turn.asksQuestions([
      { question: 'Which?', header: 'Which', options: [option('Red'), option('Blue')] },
      { question: 'Why?', header: 'Why', options: [] },
    ])
    const ask = await a.open()
    const headers = { 'content-type': 'text/markdown' }
    const text = `answer: ${ask.id}\n\n- blue\n- Because it is calm.\n`
    const done = await a.story.call('POST', '/api/inbox/trigger', text, headers)
    expect([done.status, await done.json()]).toMatchObject([200, { order: 'answer', id: ask.id }])
    expect(await answers).toEqual([['Blue'], ['Because it is calm.']])
  })
})

describe('a session', () => {
  it('is shown with its subagent and what it asks; stopping it pauses its task', async () => {
    const a = await asking()
    const { turn } = a.turn.subagent('Look around.')
    void wants(turn, 'ls /')
    const ask = await a.open()
    const detail = await until(async () => {
      const found = await a.get<SessionDetail>(`/api/sessions/${ask.rootId}`)
      expect(found.children.map(({ id }) => id)).toEqual([ask.sessionId])
      return found
    })
    expect(detail.asks.map(({ id }) => id)).toEqual([ask.id])
    expect(detail.session.taskId).toBe(a.taskId)
    const answer = await a.story.call('POST', `/api/sessions/${ask.rootId}/abort`, {})
    expect(await answer.json()).toEqual({ pausedTaskId: a.taskId })
    await a.story.reaches('paused', a.taskId)
  })

  it('that was stopped asks for nothing any more', async () => {
    const a = await asking()
    void wants(a.turn, 'ls /')
    const ask = await a.open()
    await a.story.call('POST', `/api/sessions/${ask.sessionId}/abort`, {})
    await until(async () => expect((await a.get<AskList>('/api/asks')).items).toEqual([]))
  })
})
