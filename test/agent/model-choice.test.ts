import { describe, expect, it } from 'vitest'
import { chooseModel } from '../../src/agent/model-choice.ts'
import { purposes } from '../../src/agent/model-settings.ts'
import { costMicros } from '../../src/agent/prices.ts'
import { openProposer } from '../../src/agent/proposals.ts'
import { History } from '../../src/agent/shown.ts'
import { systemClock } from '../../src/core/clock.ts'
import { startScriptedModel } from '../../src/sample/scripted-model.ts'
import { sourceOf } from '../contracts/provider.ts'
import { lookUntil } from '../contracts/runtime.ts'
import { agentWorld } from '../fakes/agent-world.ts'
import { sse, startRawServer, status } from '../fakes/raw-server.ts'

const never = new AbortController().signal
const source = (name: string, more = {}) =>
  sourceOf({ kind: 'openai', name, base_url: 'http://127.0.0.1:9/v1', ...more })

describe('PV-2 which model', () => {
  it('session, then purpose, then runtime, then the default of the provider', async () => {
    const sources = [source('one', { model: 'a', models: ['b'] }), source('two', { models: ['c'] })]
    const purposes = { build: { model: 'two/x', temperature: 0.3 }, plan: {} }
    const choose = async (model: string | null, purpose: string, fallback: string | null = null) => {
      const chosen = await chooseModel({ sources, purposes, fallback }, { model, purpose }, never)
      if (!chosen.ok) throw new Error(JSON.stringify(chosen.problems))
      const { source, model: id, temperature, why } = chosen.value
      return [source.provider.name, id, temperature, why]
    }
    expect(await choose('c', 'build', 'b')).toEqual(['two', 'c', 0.3, 'asked for'])
    expect(await choose(null, 'build', 'b')).toEqual(['two', 'x', 0.3, 'set for build'])
    expect(await choose(null, 'plan', 'b')).toEqual(['one', 'b', null, 'set for the runtime'])
    expect(await choose(null, 'plan')).toEqual(['one', 'a', null, 'the default of its provider'])
  })

  it('without any, the first that the server lists is used and shown, and the list is asked for once', async () => {
    const { url, seen } = await startRawServer(status(200, { data: [{ id: 'm-1' }, { id: 'm-2' }] }))
    const sources = [source('one', { base_url: url })]
    for (let n = 0; n < 2; n++) {
      const chosen = await chooseModel({ sources }, { model: null, purpose: 'build' }, never)
      expect(chosen).toMatchObject({ ok: true, value: { model: 'm-1', why: 'the first that its provider lists' } })
    }
    expect(seen).toHaveLength(1)
    const world = await agentWorld([{ text: 'hi' }])
    expect(await world.runtime.available()).toMatchObject({
      detail: 'scripted-model at local, the default of its provider',
    })
  })
})

describe('PV-6 model and temperature by purpose', () => {
  it('each request carries its value, whatever it is for', async () => {
    const set = Object.fromEntries(purposes.map((name, n) => [name, { model: `for-${name}`, temperature: n / 10 }]))
    const models = ['scripted-model', ...Object.values(set).map(({ model }) => model)]
    const long = 'I think about it at some length. '.repeat(60)
    const look = (n: number) => ({
      text: long,
      tool_calls: [{ name: 'glob', arguments: { pattern: `no-${n}` } }],
    })
    const asides = [
      { match: '^Summarise:', text: 'Goal: go.' },
      { match: '^Name this', text: 'A name' },
    ]
    const replies = [...asides, ...Array.from({ length: 8 }, (_, n) => look(n)), { text: 'done' }]
    const sent: unknown[] = []
    const note = ({ body }: { body: unknown }) => {
      const { model, temperature } = (body ?? {}) as { model?: string; temperature?: number }
      if (model) sent.push([model, temperature])
    }
    for (const agent of ['build', 'plan']) {
      const titles: string[] = []
      const retitle = (_id: string, _from: string, to: string) => void titles.push(to)
      const world = await agentWorld({ models, replies }, { purposes: set, retitle })
      const session = { id: 's_1', runtime: 'builtin', title: '', workspace: world.workspace, taskId: null, agent }
      world.journal.createSession({ ...session, model: null, createdAt: 0 })
      const limits = { toolCalls: null, tokens: null }
      await world.runtime.prompt({ sessionId: 's_1', promptId: 'p1', text: 'go', limits })
      await lookUntil(world.runtime, 's_1', ['idle', 'failed'])
      await expect.poll(() => titles.at(-1)).toBe('A name')
      expect(await world.runtime.compact?.('s_1')).toMatchObject({ value: { done: true } })
      world.requests.forEach(note)
    }
    const script = { models, replies: [{ text: '1. none' }] }
    const model = await startScriptedModel({ script, clock: systemClock })
    const sources = [source('local', { base_url: model.url, model: 'scripted-model' })]
    const request = { goal: 'g', acceptance: ['a'], files: [], forms: [], model: null }
    await openProposer({ sources, purposes: set })?.propose(request, never)
    await model.close()
    model.requests.forEach(note)
    const distinct = [...new Set(sent.map((one) => JSON.stringify(one)))].sort()
    expect(distinct).toEqual(purposes.map((name, n) => JSON.stringify([`for-${name}`, n / 10])).sort())
  })
})

describe('PV-1 another provider in the middle of a session', () => {
  it('gets the whole history, valid, without what only the first understands', async () => {
    const events = [
      { type: 'message_start', message: { usage: { input_tokens: 1, output_tokens: 1 } } },
      { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: 'hm', signature: 'sig' } },
      { type: 'content_block_start', index: 1, content_block: { type: 'tool_use', id: 't1', name: 'glob', input: {} } },
      { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '{"pattern":"*"}' } },
      { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 2 } },
      { type: 'message_stop' },
    ]
    const { url } = await startRawServer(status(404, {}), sse(...events), status(401, {}))
    const claude = sourceOf({ kind: 'anthropic', name: 'claude', base_url: url, model: 'claude-x' })
    const world = await agentWorld([{ text: 'unused' }, { text: 'I take over.' }], { providers: [claude] })
    expect((await world.run('go')).state).toMatchObject({ kind: 'failed', problem: { kind: 'model-key-refused' } })
    expect(JSON.stringify(world.entries())).toContain('sig')
    const other = await startScriptedModel({
      script: { replies: [{ text: 'unused' }, { text: 'I take over.' }] },
      clock: systemClock,
    })
    const local = source('local', { base_url: other.url, model: 'scripted-model' })
    const second = await agentWorld([{ text: 'unused' }], { providers: [local], journal: world.journal })
    await second.runtime.prompt({
      sessionId: world.sessionId,
      promptId: 'p1',
      text: 'go',
      limits: { toolCalls: null, tokens: null },
    })
    await expect
      .poll(async () => (await second.runtime.look(world.sessionId)).state, { timeout: 10_000 })
      .toMatchObject({ kind: 'idle', text: 'I take over.' })
    const request = other.requests.at(-1)
    expect(request?.status).toBe(200)
    expect(JSON.stringify(request?.body)).not.toContain('sig"')
    await other.close()
  })
})

describe('PV-5 prices', () => {
  it('are known for well-known models at their own address, overridden by settings, and unknown elsewhere', () => {
    const usage = { model: 'm', provider: 'p', input: 1_000_000, output: 0, reasoning: 0, cacheRead: 0, cacheWrite: 0 }
    const cost = (settings: Record<string, unknown>, model: string) =>
      costMicros(sourceOf({ name: 'p', ...settings }).price[model], usage)
    expect(cost({ kind: 'anthropic' }, 'claude-sonnet-4-5')).toBe(3_000_000)
    expect(cost({ kind: 'anthropic', base_url: 'http://127.0.0.1:9/v1' }, 'claude-sonnet-4-5')).toBe(null)
    expect(cost({ kind: 'anthropic' }, 'claude-of-tomorrow')).toBe(null)
    const price = { 'claude-sonnet-4-5': { input: 1, output: 1 } }
    expect(cost({ kind: 'anthropic', price }, 'claude-sonnet-4-5')).toBe(1_000_000)
  })

  it('what a server did not count costs nobody knows what, and is no empty context', () => {
    const usage = { model: 'm', provider: 'p', input: 0, output: 0, reasoning: 0, cacheRead: 0, cacheWrite: 0 }
    expect(costMicros({ input: 1, output: 1 }, usage)).toBe(null)
    const said = { type: 'assistant' as const, runId: 'r', text: 'hi', reasoning: '', calls: [], finish: 'stop' }
    const counted = (input: number) => {
      const row = { type: 'usage' as const, runId: 'r', usage: { ...usage, input, costMicros: null } }
      return new History([{ type: 'prompt', promptId: 'p', text: 'go' }, row, said]).counted?.tokens ?? null
    }
    expect([counted(0), counted(7)]).toEqual([null, 7])
  })
})
