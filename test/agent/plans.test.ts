/** Plans in the loop: what a person's word does to the run, and what the rows say of it after a restart. */
import { describe, expect, it } from 'vitest'
import type { AskReply, PendingAsk } from '../../src/core/ask.ts'
import type { PromptRequest } from '../../src/core/runtime.ts'
import { lookUntil } from '../contracts/runtime.ts'
import { type AgentOptions, agentWorld, endsOf } from '../fakes/agent-world.ts'

const plan = (text: string) => ({ tool_calls: [{ name: 'submit_plan', arguments: { plan: text } }] })
const read = { name: 'read', arguments: { file_path: 'a.txt' } }
const [first, second] = ['# One\n\n1. Write a.txt.', '# Two\n\n1. Write b.txt.']
interface Tool {
  function: { name: string }
}
type Script = Parameters<typeof agentWorld>[0]

async function planning(script: Script, options: AgentOptions = {}) {
  const world = await agentWorld(script, { agent: 'plan', attended: true, ...options })
  const asked: PendingAsk[] = []
  const listen = () =>
    world.runtime.asks?.onAsk((fact) => {
      if (fact.kind === 'ask' && asked.at(-1)?.id !== fact.ask.id) asked.push(fact.ask)
    })
  listen()
  const waits = () => lookUntil(world.runtime, world.sessionId, ['waiting'])
  return {
    ...{ world, asked, waits, listen },
    async ask(limits?: PromptRequest['limits']) {
      await world.prompt('Plan it.', limits ? { limits } : {})
      return waits()
    },
    /** Again: after a restart it is asked a moment later. */
    async say(reply: AskReply) {
      const ask = asked.at(-1)
      if (!ask) throw new Error('nothing was asked')
      expect(await world.runtime.asks?.answer(ask, reply)).toMatchObject({ ok: true })
    },
    system: (fromEnd = 1) => world.messages(fromEnd).find(({ role }) => role === 'system')?.content ?? '',
    tools: () => {
      const body = world.requests.findLast((one) => one.body)?.body
      return ((body?.tools ?? []) as Tool[]).map((tool) => tool.function.name)
    },
    agent: () => world.journal.session(world.sessionId)?.agent,
  }
}

describe('SA-3 a plan in the loop', () => {
  it('is asked of a person; accepted, the same turn goes on as build with what is left of its limits', async () => {
    const write = { tool_calls: [{ name: 'write', arguments: { file_path: 'a.txt', content: 'a' } }] }
    const p = await planning([plan(first), write, write, { text: 'never' }])
    const { state } = await p.ask({ toolCalls: 2, tokens: null })
    expect(state).toMatchObject({ kind: 'waiting', for: 'plan', text: expect.stringContaining('version 1') })
    expect(p.asked).toMatchObject([{ request: { kind: 'plan', version: 1, text: first, fresh: false } }])
    expect(p.tools()).toEqual(['read', 'glob', 'grep', 'web_fetch', 'ask_user', 'submit_plan'])
    await p.say({ kind: 'execute' })
    await p.world.over()
    expect(endsOf(p.world.entries())).toEqual(['budget'])
    expect(p.world.outputs()[0]).toBe('The person has accepted the plan. Carry it out now.')
    expect(p.system()).toContain(`Your role: build.`)
    expect(p.system()).toContain(first)
    expect(p.tools()).not.toContain('submit_plan')
    expect(p.agent()).toBe('build')
    expect(p.world.entries().filter(({ type }) => type === 'prompt')).toHaveLength(1)
  })

  it('comes again as its next version after a word on it; a "no" ends the turn', async () => {
    const both = { tool_calls: [...plan(second).tool_calls, read] }
    const p = await planning([plan(first), both, { text: 'never' }])
    await p.ask()
    await p.say({ kind: 'feedback', text: 'b, not a' })
    while (p.asked.length < 2) await p.waits()
    expect(p.world.messages().at(-1)?.content).toContain('Hand in the whole plan again:\n\nb, not a')
    expect(p.asked[1]).toMatchObject({ request: { version: 2, text: second } })
    await p.say({ kind: 'reject', message: 'Never mind.' })
    const { state } = await p.world.over()
    expect(state).toMatchObject({ kind: 'idle', complete: true, text: 'The plan was rejected.' })
    expect(p.world.outputs().slice(1)).toEqual([
      'The plan was rejected. Never mind.',
      'Not run: the turn ended before this call.',
    ])
    expect(endsOf(p.world.entries())).toEqual(['plan'])
    expect(p.agent()).toBe('plan')
    expect(p.world.requests.filter(({ body }) => body)).toHaveLength(2)
  })

  it('accepted between two lives, or with the switch of the profile lost, is build’s in the next', async () => {
    for (const isLost of [false, true]) {
      const p = await planning([plan(first), { text: 'done' }])
      await p.ask()
      if (isLost) {
        p.world.journal.setProfile = () => {
          throw new Error('killed')
        }
        await p.say({ kind: 'execute' })
        await lookUntil(p.world.runtime, p.world.sessionId, ['interrupted'])
        Reflect.deleteProperty(p.world.journal, 'setProfile')
      }
      await p.world.runtime.close()
      p.world.restart()
      if (!isLost) await p.say({ kind: 'execute' })
      expect(p.agent()).toBe('plan')
      expect((await p.world.run('Plan it.')).state).toMatchObject({ complete: true, text: 'done' })
      expect(p.system()).toContain('Your role: build.')
      expect(p.system()).toContain(first)
      expect(p.agent()).toBe('build')
      expect(p.world.requests.filter(({ body }) => body)).toHaveLength(2)
      expect(p.world.entries().filter(({ type }) => type === 'plan')).toHaveLength(1)
    }
  })

  it('outlives a summary of the talk as a part of the context, and the start of requests stays the same', async () => {
    const p = await planning([plan(first), { text: 'one' }, { text: 'two' }, { text: 'a summary' }, { text: 'three' }])
    await p.ask()
    await p.say({ kind: 'execute' })
    await p.world.over()
    await p.world.run('more '.repeat(2_000), { promptId: 'p2' })
    expect(p.system(1)).toBe(p.system(2))
    expect(await p.world.runtime.compact?.(p.world.sessionId)).toMatchObject({ ok: true })
    await p.world.run('and more', { promptId: 'p3' })
    expect(p.world.messages().map(({ role }) => role)).not.toContain('tool')
    expect(p.system()).toContain(first)
    const use = await p.world.runtime.context?.(p.world.sessionId)
    expect(use?.ok && use.value.sources.plan).toBeGreaterThan(0)
  })

  it('is answered in words where nobody is there, and no rule has a person asked before it', async () => {
    const alone = await planning([plan(first), { text: first }], { attended: false })
    expect((await alone.world.run('Plan it.')).state).toMatchObject({ kind: 'idle', complete: true, text: first })
    expect(alone.world.outputs()[0]).toContain('Nobody is there')
    const rules = async () => ({
      layers: { user: [{ tool: '*', action: 'ask' as const }] },
      trust: 'trusted' as const,
      access: 'scoped' as const,
    })
    const p = await planning([plan(first), { text: 'done' }], { policyOf: rules })
    expect((await p.ask()).state).toMatchObject({ for: 'plan' })
  })

  it('accepted while the daemon stops is carried out by the next one', async () => {
    const p = await planning([plan(first)], {
      provider: { model: undefined },
      purposes: { plan: { model: 'scripted-model' } },
    })
    await p.ask()
    const { journal, runtime } = p.world
    const set = journal.setProfile.bind(journal)
    const closed = new Promise<void>((resolve) => {
      journal.setProfile = (...given) => {
        set(...given)
        void runtime.close().then(resolve)
      }
    })
    await p.say({ kind: 'execute' })
    await closed
    expect(endsOf(p.world.entries())).toEqual([])
  })

  it('leaves the turn to a person where no model is there for build', async () => {
    const p = await planning([plan(first)], { purposes: { build: { model: 'nobody/knows' } } })
    await p.ask()
    await p.say({ kind: 'execute' })
    expect((await p.world.over()).state).toMatchObject({ kind: 'failed' })
    expect(endsOf(p.world.entries())).toEqual(['provider_error'])
  })
})

it('PM-6 a question that nobody has answered is asked again after the daemon was stopped and started', async () => {
  const question = { questions: [{ question: 'Which?' }] }
  const p = await planning([{ tool_calls: [{ name: 'ask_user', arguments: question }] }, { text: 'done' }])
  await p.ask()
  await p.world.runtime.close()
  p.world.restart()
  await p.say({ kind: 'answers', answers: [['red']] })
  expect((await p.world.run('Plan it.')).state).toMatchObject({ complete: true })
  expect(p.world.outputs()).toEqual(['Q: Which?\nA: red'])
})
