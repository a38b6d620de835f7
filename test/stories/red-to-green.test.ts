/** Checks run before the work begins: what passes already proves nothing about the work. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import type { EventPage } from '../../src/server/api.ts'
import { type Story, tell } from '../fakes/story.ts'

const write = { tool_calls: [{ name: 'write', arguments: { file_path: 'new.txt', content: 'new\n' } }] }
const env = { OPENLOOM_MUST_FAIL_FIRST: 'yes' }

async function work(story: Story, checks: string[], more: Record<string, unknown> = {}) {
  writeFileSync(join(story.workspace('w'), 'old.txt'), 'old\n')
  const body = { goal: 'Write new.txt', workspace: story.workspace('w'), checks, ...more }
  const { id } = (await (await story.call('POST', '/api/tasks', body)).json()) as { id: string }
  const detail = await story.reaches('done', id)
  return { verdict: detail.task.verdict, base: detail.attempts.at(-1)?.checks.map((check) => check.base), id }
}

describe('a verdict', () => {
  it('is verified when a check was red before the work and is green after it', async () => {
    const story = await tell({ env, script: [write, { text: 'Written.' }] })
    const { verdict, base } = await work(story, ['file: new.txt', 'file: old.txt'])
    expect({ verdict, base }).toEqual({ verdict: 'verified', base: ['fail', 'pass'] })
  })

  it('is vacuous, never verified, when every check passed before the work', async () => {
    const story = await tell({ env })
    const { verdict, id } = await work(story, ['file: old.txt', 'run: true'])
    expect(verdict).toBe('vacuous')
    const { items } = (await (await story.call('GET', `/api/tasks/${id}/events?limit=100`)).json()) as EventPage
    expect(items.find((event) => event.type === 'base.examined')?.data).toEqual({
      red: 0,
      unknown: 0,
      green: ['file: old.txt', 'run: true'],
    })
    const told = () => story.notifications().find((notice) => notice.event === 'TASK_COMPLETED')?.data
    const summary = expect.stringContaining('every check passed before the work began')
    await vi.waitFor(() => expect(told()).toMatchObject({ summary }))
  })

  it('does not ask when the task says that its checks may pass before', async () => {
    const story = await tell({ env })
    const { verdict, base } = await work(story, ['run: true'], { must_fail_first: false })
    expect({ verdict, base }).toEqual({ verdict: 'verified', base: [undefined] })
  })

  it('is not held up by a check that takes long before the work: what it said then is not known', async () => {
    const slow = 'run: test -f new.txt || sleep 30'
    const settings = 'defaults: {base_seconds: 0.3}\n'
    const story = await tell({ env, settings, script: [write, { text: 'Written.' }] })
    const { verdict, base } = await work(story, [slow])
    expect({ verdict, base }).toEqual({ verdict: 'verified', base: [null] })
  })

  it('looks before the first prompt only, not again when a refuted attempt goes on', async () => {
    const story = await tell({ env, script: [{ text: 'Done.' }, write, { text: 'Now it is.' }] })
    const { verdict, base } = await work(story, ['file: new.txt'])
    expect({ verdict, base }).toEqual({ verdict: 'verified', base: ['fail'] })
  })
})
