/** Shell lines that a person types into a session over HTTP, and the profile that it goes on with. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import type { TranscriptPage } from '../../src/core/session.ts'
import type { ProblemBody, SessionDetail } from '../../src/server/api.ts'
import { type StoryOptions, tell } from '../fakes/story.ts'

interface Ended extends ProblemBody {
  ok: boolean
  ran: boolean
  output: string
}

async function begin(options: StoryOptions = {}) {
  const story = await tell(options)
  const workspace = story.workspace()
  const made = await story.call('POST', '/api/sessions', { workspace, title: 'By hand' })
  const { id } = (await made.json()) as { id: string }
  const post = async <T>(verb: string, body: object) => {
    const answer = await story.call('POST', `/api/sessions/${id}/${verb}`, body)
    return { status: answer.status, body: (await answer.json()) as T & ProblemBody }
  }
  const get = async <T>(rest: string) => (await (await story.call('GET', `/api/sessions/${id}${rest}`)).json()) as T
  const type = (line: string) => post<Ended>('type', { line })
  const said = async () => (await get<TranscriptPage>('/transcript')).messages
  return { ...story, workspace, id, post, get, type, said }
}

describe('a line that a person types', () => {
  it('runs in the workspace, stands in the transcript as their own, and the agent is told of it', async () => {
    const { type, said, post, workspace, requests, daemon } = await begin()
    writeFileSync(join(workspace, 'a.txt'), 'one\n')
    expect((await type('cat a.txt; echo "<b>raw</b>"')).body).toMatchObject({
      ok: true,
      ran: true,
      output: 'one\n<b>raw</b>',
    })
    expect(await said()).toMatchObject([
      {
        role: 'user',
        parts: [
          {
            kind: 'tool',
            name: 'bash',
            state: 'completed',
            input: '{"command":"cat a.txt; echo \\"<b>raw</b>\\""}',
            output: 'one\n<b>raw</b>',
          },
        ],
      },
    ])
    expect((await type('exit 3')).body).toMatchObject({ ok: false, ran: true })
    expect((await said()).at(-1)).toMatchObject({ parts: [{ state: 'error' }] })
    expect(daemon.store.events.last(1)[0]).toMatchObject({ type: 'session.typed', data: { line: 'exit 3', ok: false } })
    await post('prompt', { text: 'What was it?' })
    await vi.waitFor(() => expect(JSON.stringify(requests.at(-1)?.body)).toContain('The person ran this'))
  })

  it('is refused where a rule denies it, and nothing of it runs', async () => {
    const settings = 'permissions:\n  - { tool: bash, command: "touch *", action: deny }\n'
    const { type, said, workspace } = await begin({ settings })
    const { body } = await type('touch made')
    expect(body).toMatchObject({ ok: false, ran: false })
    expect(body.output).toContain('Not permitted')
    expect(existsSync(join(workspace, 'made'))).toBe(false)
    expect(await said()).toEqual([])
  })

  it('waits for no turn: one that runs refuses it, and a second line beside the first too', async () => {
    const { type, workspace } = await begin()
    const first = type('touch begun; until test -f go; do sleep 0.02; done; echo over')
    await vi.waitFor(() => expect(existsSync(join(workspace, 'begun'))).toBe(true))
    expect(await type('echo second')).toMatchObject({ status: 409, body: { problems: [{ kind: 'session-at-work' }] } })
    writeFileSync(join(workspace, 'go'), '')
    expect((await first).body.output).toBe('over')
  })

  it('ends with whoever asked for it, and what it began ends too', async () => {
    const { workspace, id, daemon, type } = await begin()
    const gone = new AbortController()
    const asked = fetch(`${daemon.url}/api/sessions/${id}/type`, {
      method: 'POST',
      signal: gone.signal,
      headers: { authorization: `Bearer ${daemon.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ line: 'touch begun; sleep 600; touch late' }),
    })
    await vi.waitFor(() => expect(existsSync(join(workspace, 'begun'))).toBe(true))
    gone.abort()
    await expect(asked).rejects.toThrow()
    await vi.waitFor(async () => expect((await type('echo free')).body.output).toBe('free'))
    expect(existsSync(join(workspace, 'late'))).toBe(false)
  })
})

describe('the profile of a session', () => {
  it('is another from its next turn on, and the usual one again', async () => {
    const { post, get, requests } = await begin()
    const tools = () => {
      const { tools = [] } = (requests.at(-1)?.body ?? {}) as { tools?: { function: { name: string } }[] }
      return tools.map(({ function: { name } }) => name)
    }
    expect((await get<SessionDetail>('')).profiles).toEqual(['build', 'plan'])
    expect((await post('profile', { profile: 'plan' })).body).toMatchObject({ agent: 'plan' })
    await post('prompt', { text: 'Look.' })
    await vi.waitFor(() => expect(tools()).toContain('read'))
    expect(tools()).not.toContain('bash')
    expect(await post('profile', { profile: 'boss' })).toMatchObject({
      status: 422,
      body: { detail: expect.any(String) },
    })
    expect((await post('profile', { profile: null })).body).toMatchObject({ agent: null })
  })
})
