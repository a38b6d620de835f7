/** What a run on OpenCode asks and does not wait for: the server is told to go on, the answer comes with a prompt. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import type { AskItem, AskList } from '../../src/server/api.ts'
import { type OpenCodeAsking, openCodeAsking, wants } from '../fakes/opencode-asking.ts'
import type { FakeTurn } from '../fakes/opencode-turn.ts'

const checks = '\n## checks\n\n- file: made\n'
const putOff = {
  reply: 'reject',
  message: expect.stringMatching(/^Not done: a person was asked, and the work does not/),
}

/** Texts of the prompts that were sent, the oldest first. */
const prompts = ({ fake }: OpenCodeAsking): string[] =>
  fake.calls
    .filter(({ path }) => path.endsWith('/prompt_async'))
    .map(({ body }) => ((body?.['parts'] ?? []) as { text: string }[]).map(({ text }) => text).join(''))
const nextTurn = (a: OpenCodeAsking, n: number): Promise<FakeTurn> =>
  vi.waitFor(() => {
    expect(prompts(a)).toHaveLength(n)
    return a.fake.turn(a.sessionId)
  })
const says = (turn: FakeTurn, text: string) => {
  turn.nextStep()
  turn.text(text)
  turn.finish()
}
const make = ({ folder }: OpenCodeAsking) => writeFileSync(join(folder, 'made'), '')
const answer = ({ story }: OpenCodeAsking, { id }: AskItem, body: object) => story.call('POST', `/api/asks/${id}`, body)
const sessionOf = ({ fake, sessionId }: OpenCodeAsking) => {
  const session = fake.world.sessions.get(sessionId)
  if (!session) throw new Error(`no session ${sessionId}`)
  return session
}
const types = ({ story, taskId }: OpenCodeAsking) =>
  story.daemon.store.events.after(0, 1_000, taskId).map(({ type }) => type)

describe('PM-6 a run on OpenCode that asks and does not wait', () => {
  it('does all else, then the task waits; allowed, exactly that call is let through, once', async () => {
    const a = await openCodeAsking('', { checks })
    expect(await wants(a.turn, 'touch made')).toEqual(putOff)
    const ask = await a.open()
    expect(ask).toMatchObject({ deferred: 'untold', request: { patterns: ['touch made'] } })
    // Its run went on all the time.
    expect(types(a)).not.toContain('task.waiting')
    says(a.turn, 'made is missing')
    const { task } = await a.story.reaches('waiting')
    expect(task.reason).toEqual({ code: 'needs-permission', text: 'Nobody has answered yet: bash touch made' })
    await answer(a, ask, { reply: 'once' })
    const turn = await nextTurn(a, 2)
    expect(prompts(a)[1]).toMatch(/FAILED[\s\S]*A person has answered what you asked before:[\s\S]*It is allowed\./)
    expect(await wants(turn, 'touch made')).toEqual({ reply: 'once' })
    expect(await wants(turn, 'touch made')).toEqual(putOff)
    make(a)
    says(turn, 'done')
    expect((await a.story.reaches('done')).task).toMatchObject({ verdict: 'verified', attempt: 2 })
    expect((await a.get<AskList>('/api/asks')).items).toEqual([])
  })

  it('lets nothing else through, though it is shown the same', async () => {
    const a = await openCodeAsking('', { checks })
    await wants(a.turn, 'touch made')
    await answer(a, await a.open(), { reply: 'once' })
    const metadata = { command: 'touch made' }
    const elsewhere = a.turn.tool('bash', { command: 'touch made', workdir: '/tmp' }, { pending: true })
    const reply = await a.turn.asks(elsewhere, { permission: 'bash', patterns: ['touch made'], metadata })
    expect(reply).toEqual(putOff)
    expect(await wants(a.turn, 'touch made')).toEqual({ reply: 'once' })
  })

  it('lets it through also when nobody saw the call that asks', async () => {
    const a = await openCodeAsking('', { checks })
    await wants(a.turn, 'touch made')
    says(a.turn, 'missing')
    await a.story.reaches('waiting')
    await answer(a, await a.open(), { reply: 'once' })
    const turn = await nextTurn(a, 2)
    let reply: ReturnType<typeof wants> | null = null
    a.fake.untold(() => {
      reply = wants(turn, 'touch made')
    })
    a.fake.dropStreams()
    expect(await reply).toEqual({ reply: 'once' })
  })

  it('hears a no with its reason in the next prompt, and is not asked about the same again', async () => {
    const a = await openCodeAsking('', { checks })
    await wants(a.turn, 'touch made')
    says(a.turn, 'missing')
    await a.story.reaches('waiting')
    await answer(a, await a.open(), { reply: 'reject', message: 'Write the file.' })
    const turn = await nextTurn(a, 2)
    expect(prompts(a)[1]).toContain('It is not allowed. Write the file.')
    expect(await wants(turn, 'touch made')).toEqual({ reply: 'reject', message: 'Write the file.' })
    expect(types(a).filter((type) => type === 'ask.raised')).toHaveLength(1)
  })

  it('goes on after a question too, and gets the answer', async () => {
    const a = await openCodeAsking()
    const options = [{ label: 'Red', description: '' }]
    const answers = await a.turn.asksQuestions([{ question: 'Which?', header: 'Which', options }])
    expect(answers).toEqual([[expect.stringMatching(/^Not answered yet: a person was asked/)]])
    says(a.turn, 'I need a colour')
    expect((await a.story.reaches('waiting')).task.reason?.code).toBe('needs-question')
    await answer(a, await a.open(), { answers: [['Red']] })
    says(await nextTurn(a, 2), 'red it is')
    expect((await a.story.reaches('done')).task).toMatchObject({ verdict: 'unverified', attempt: 2 })
    expect(prompts(a)[1]).toContain('Q: Which?\nA: Red')
  })

  it('is prompted again where a refusal cut its turn, and waits when its attempts are used up', async () => {
    const a = await openCodeAsking('max_attempts: 2', { checks })
    const [first, second] = [a.turn.tool('bash', { command: 'one' }), a.turn.tool('bash', { command: 'two' })]
    const ask = (tool: typeof first, command: string, turn = a.turn) =>
      turn.asks(tool, { permission: 'bash', patterns: [command], metadata: { command } })
    const replies = await Promise.all([ask(first, 'one'), ask(second, 'two')])
    expect(replies.map((reply) => reply?.['message'] ?? null)).toEqual([putOff.message, null])
    const turn = await nextTurn(a, 2)
    expect((await a.get<AskList>('/api/asks')).items).toHaveLength(2)
    const again = [turn.tool('bash', { command: 'one' }), turn.tool('bash', { command: 'three' })] as const
    await Promise.all([ask(again[0], 'one', turn), ask(again[1], 'three', turn)])
    expect((await a.story.reaches('waiting')).task.attempt).toBe(3)
    expect(prompts(a)).toHaveLength(2)
  })

  it('may not go on in circles, about which nobody is asked', async () => {
    const a = await openCodeAsking('', { checks })
    const again = a.turn.tool('bash', { command: 'npm test' })
    const reply = await a.turn.asks(again, { permission: 'doom_loop', patterns: ['bash'] })
    expect(reply).toEqual({ reply: 'reject', message: expect.stringMatching(/^Nobody is asked/) })
    expect(types(a)).not.toContain('ask.raised')
  })

  it('that can do without the answer is done, and nobody is asked any more', async () => {
    const a = await openCodeAsking('', { checks })
    await wants(a.turn, 'touch extra')
    make(a)
    says(a.turn, 'done')
    await a.story.reaches('done')
    expect((await a.get<AskList>('/api/asks?status=all')).items).toMatchObject([{ status: 'gone', deferred: 'used' }])
    expect(existsSync(join(a.folder, 'made'))).toBe(true)
  })

  it('does not speak for a person: what their own turn in its session asks waits for them', async () => {
    const a = await openCodeAsking('', { checks })
    await wants(a.turn, 'touch made')
    says(a.turn, 'missing')
    await a.story.reaches('waiting')
    a.fake.world.addUser(sessionOf(a), { parts: [{ type: 'text', text: 'What is missing?' }] })
    void wants(a.fake.turn(a.sessionId), 'git push')
    const pushing = await vi.waitFor(async () => {
      const { items } = await a.get<AskList>('/api/asks')
      const found = items.find(({ request }) => request.kind === 'permission' && request.patterns[0] === 'git push')
      if (!found) throw new Error('not asked yet')
      return found
    })
    expect(pushing.deferred).toBeNull()
  })
})
