/** Tasks that come after others: only a verified one opens the way, however late anybody comes. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Story, tell } from '../fakes/story.ts'

async function add(story: Story, title: string, more: Record<string, unknown> = {}): Promise<string> {
  const workspace = story.workspace(title.replaceAll(' ', '-'))
  const body = { title, goal: 'Do it.', workspace, checks: ['file: done.txt'], limits: { attempts: 1 }, ...more }
  const answer = await story.call('POST', '/api/tasks', body)
  expect(answer.status).toBe(201)
  return ((await answer.json()) as { id: string }).id
}

const finish = (story: Story, title: string) =>
  writeFileSync(join(story.workspace(title.replaceAll(' ', '-')), 'done.txt'), '')

describe('a task after another', () => {
  it('waits for it by id or title, and starts when that one is verified', async () => {
    const story = await tell()
    const first = await add(story, 'Lay the ground')
    await story.reaches('failed', first)
    const second = await add(story, 'Build the house', { after: ['Lay the ground', first] })
    finish(story, 'Build the house')
    const waiting = await story.detail(second)
    expect(waiting.task).toMatchObject({ status: 'queued', spec: { after: [first] } })
    expect(waiting.task.reason).toMatchObject({
      code: 'after-unmet',
      text: expect.stringContaining('failed, not verified'),
    })
    finish(story, 'Lay the ground')
    await story.call('POST', `/api/tasks/${first}/retry`, {})
    await story.reaches('done', first)
    expect((await story.reaches('done', second)).task.verdict).toBe('verified')
  })

  it('starts at once when that one was verified long ago, archived or not', async () => {
    const story = await tell()
    finish(story, 'Lay the ground')
    const first = await add(story, 'Lay the ground')
    await story.reaches('done', first)
    await story.call('POST', `/api/tasks/${first}/archive`, {})
    finish(story, 'Build the house')
    const second = await add(story, 'Build the house', { after: ['Lay the ground'] })
    await story.reaches('done', second)
  })

  it('is not let through by a task that ended unverified or was cancelled', async () => {
    const story = await tell()
    const plain = await add(story, 'Say something', { checks: [] })
    await story.reaches('done', plain)
    const second = await add(story, 'Build on words', { after: [plain] })
    expect((await story.detail(second)).task.reason?.text).toContain('ended unverified')
    await story.call('POST', `/api/tasks/${second}/cancel`, {})
    const third = await add(story, 'Build on nothing', { after: [second] })
    expect((await story.detail(third)).task.reason?.text).toContain('cancelled, not verified')
  })

  it('of an unknown name is refused with the name', async () => {
    const story = await tell()
    const body = { goal: 'Do it.', workspace: story.workspace('w'), after: ['Nobody knows it'] }
    const answer = await story.call('POST', '/api/tasks', body)
    expect(answer.status).toBe(422)
    expect(await answer.text()).toContain('Nobody knows it')
  })
})
