import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { PendingAsk } from '../../src/core/ask.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { AnyTool } from '../../src/core/tool.ts'
import { runtimeKinds } from '../../src/runtimes/index.ts'
import { sampleMarkdown, sampleScript } from '../../src/sample/sample.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import { contractScript, lookUntil, runtimeContract } from '../contracts/runtime.ts'
import { agentWorld, endsOf } from '../fakes/agent-world.ts'

runtimeContract('builtin', async () => {
  const world = await agentWorld(contractScript as ScriptInput)
  return {
    runtime: world.runtime,
    workspace: world.workspace,
    turns: () => world.requests.filter((request) => request.body).length,
    close: () => world.runtime.close(),
  }
})

describe('the built-in runtime', () => {
  it('plays the sample: claims, is refuted, does the work', async () => {
    const world = await agentWorld(sampleScript)
    const first = await world.run(sampleMarkdown('/somewhere'))
    expect(first.state).toMatchObject({ kind: 'idle', complete: true, text: /done/ })
    await expect(readFile(world.path('hello.md'), 'utf8')).rejects.toThrow()
    const second = await world.run('hello.md is missing', { promptId: 'p2' })
    expect(second.state).toMatchObject({ kind: 'idle', promptId: 'p2', complete: true })
    expect(await readFile(world.path('hello.md'), 'utf8')).toContain('woven')
    expect(second.usage).toMatchObject({ toolCalls: 2 })
  })

  it('PV-5 sums usage to the token, and cost only while every price is known', async () => {
    const usage = { prompt_tokens: 1_000, completion_tokens: 100, cached_tokens: 400 }
    const script = [
      { tool_calls: [{ name: 'glob', arguments: { pattern: '*' } }], usage },
      { text: 'fine', usage },
    ]
    const price = { 'scripted-model': { input: 2, output: 10, cache_read: 0.5 } }
    const priced = await agentWorld(script, { provider: { price } })
    expect((await priced.run('go')).usage).toEqual({ toolCalls: 1, tokens: 2_200, costMicros: 4_800 })
    const unpriced = await agentWorld(script)
    expect((await unpriced.run('go')).usage).toEqual({ toolCalls: 1, tokens: 2_200, costMicros: null })
  })

  it('PM-6 a tool asks a person, of its own call, and goes on with the answer', async () => {
    const question = { header: 'Colour', text: 'Which?', options: [], multiple: false }
    const asker: AnyTool = {
      name: 'asker',
      description: 'Asks a person one question.',
      schema: z.strictObject({}),
      isReadOnly: () => true,
      async run(_, context) {
        const reply = await context.askPerson?.([question])
        return { ok: true, output: reply?.kind === 'answers' ? reply.answers.flat().join() : 'nobody' }
      },
    }
    const script = [{ tool_calls: [{ name: 'asker', arguments: {} }] }, { text: 'done' }]
    const world = await agentWorld(script, { tools: [asker], attended: true })
    const asked: PendingAsk[] = []
    world.runtime.asks?.onAsk((fact) => {
      if (fact.kind === 'ask') asked.push(fact.ask)
    })
    await world.prompt('go')
    const waiting = await lookUntil(world.runtime, world.sessionId, ['waiting'])
    expect(waiting.state).toMatchObject({ for: 'question', text: 'Which?' })
    expect(asked).toMatchObject([{ request: { kind: 'question', questions: [question] } }])
    const [ask] = asked
    if (!ask) throw new Error('nothing was asked')
    expect(await world.runtime.asks?.answer(ask, { kind: 'answers', answers: [['red']] })).toMatchObject({ ok: true })
    expect((await world.over()).state).toMatchObject({ kind: 'idle', complete: true })
    expect(world.outputs()).toEqual(['red'])
    const headless = await agentWorld(script, { tools: [asker] })
    await headless.run('go')
    expect(headless.outputs()).toEqual(['nobody'])
  })

  it('shows what is going on: the tool, then the retry', async () => {
    const world = await agentWorld([
      { tool_calls: [{ name: 'bash', arguments: { command: 'sleep 600' } }] },
      { fault: '429', retry_after: 20 },
    ])
    await world.prompt('go')
    while ((await world.runtime.look(world.sessionId)).state.kind === 'busy') {
      const { state } = await world.runtime.look(world.sessionId)
      if (state.kind === 'busy' && state.tool === 'bash') break
      await new Promise((resolve) => setImmediate(resolve))
    }
    await world.runtime.abort(world.sessionId)
    await world.prompt('go')
    const retrying = await lookUntil(world.runtime, world.sessionId, ['retrying'])
    expect(retrying.state).toMatchObject({ attempt: 2, text: /429/ })
  })

  it('gives a session back to other programs when its turn could not begin', async () => {
    let held = 0
    const claim = () => {
      held += 1
      return () => {
        held -= 1
      }
    }
    const world = await agentWorld([{ text: 'x' }], { claim })
    const append = world.journal.append.bind(world.journal)
    world.journal.append = () => {
      throw new Error('the disk is full')
    }
    await expect(world.prompt('go')).rejects.toThrow('the disk is full')
    expect(held).toBe(0)
    world.journal.append = append
    expect((await world.run('go')).state).toMatchObject({ kind: 'idle', complete: true })
    expect(held).toBe(0)
  })

  it('is not ready without a provider, and says what to do', async () => {
    const world = await agentWorld([{ text: 'x' }], { providers: [] })
    expect(await world.runtime.available()).toMatchObject({
      kind: 'unavailable',
      transient: false,
      problem: { kind: 'no-model', todo: /OPENLOOM_BASE_URL/ },
    })
  })

  it('is not ready for now when the server is down', async () => {
    const world = await agentWorld([{ text: 'x' }], { provider: { base_url: 'http://127.0.0.1:9/v1' } })
    expect(await world.runtime.available()).toMatchObject({ kind: 'unavailable', transient: true })
  })

  it('PV-1 switches the model of a session by its name, provider first', async () => {
    const world = await agentWorld({ models: ['a', 'b'], replies: [{ text: 'x' }] }, { provider: { model: 'a' } })
    const opened = await world.runtime.open({
      taskId: 't2',
      title: '',
      workspace: world.workspace,
      agent: null,
      model: 'local/b',
      session: null,
    })
    const sessionId = opened.ok ? opened.value.sessionId : ''
    await world.runtime.prompt({ sessionId, promptId: 'p', text: 'hi', limits: { toolCalls: null, tokens: null } })
    await lookUntil(world.runtime, sessionId, ['idle'])
    expect(world.requests.at(-1)?.body?.model).toBe('b')
  })

  it('refuses an agent that does not exist', async () => {
    await expect(agentWorld([{ text: 'x' }], { agent: 'wizard' })).rejects.toThrow('wizard')
  })

  it('the plan profile offers no tool that changes anything', async () => {
    const world = await agentWorld([{ text: 'a plan' }], { agent: 'plan' })
    await world.run('plan it')
    const tools = world.requests.at(-1)?.body?.tools as { function: { name: string } }[]
    expect(tools.map((tool) => tool.function.name)).toEqual([
      'read',
      'glob',
      'grep',
      'web_fetch',
      'ask_user',
      'submit_plan',
    ])
  })

  it('survives listeners and journals that break: the run is seen as interrupted', async () => {
    const world = await agentWorld([{ text: 'x' }])
    world.journal.onAppend = (_session, row) => {
      if (row.entry.type === 'assistant') throw new Error('disk full')
    }
    expect((await world.run('go')).state).toEqual({ kind: 'interrupted', promptId: 'p1' })
    expect(world.logged.join()).toContain('disk full')
    world.journal.onAppend = null
    expect(endsOf(world.entries())).toEqual([])
  })

  it('is made from its configuration', async () => {
    const [kind] = runtimeKinds
    const config = kind.schema.parse({ permissions: [{ tool: 'bash', action: 'deny' }], steps_max: 3 })
    const runtime = kind.create(config, {
      journal: (await agentWorld([{ text: 'x' }])).journal,
      providers: [],
      clock: systemClock,
      env: {},
      outputRoot: '/nowhere',
      owner: 'x',
      log: () => undefined,
    })
    expect(runtime.name).toBe('builtin')
  })
})
