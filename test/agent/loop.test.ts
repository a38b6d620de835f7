import { readFile, writeFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createTools } from '../../src/agent/tools/index.ts'
import type { AnyTool } from '../../src/core/tool.ts'
import { ownedProcesses } from '../../src/lib/process.ts'
import { lookUntil } from '../contracts/runtime.ts'
import { type AgentOptions, agentWorld, endsOf, goesOnAfterRestart, userRules } from '../fakes/agent-world.ts'

const call = (name: string, args: Record<string, unknown>) => ({ name, arguments: args })

describe('AL-1 the loop', () => {
  it('streams the first text long before the last', async () => {
    const world = await agentWorld([{ text: ['one ', 'two ', 'three'], chunk_ms: 150 }])
    await world.prompt('go')
    while (world.deltas.length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(world.deltas.map((delta) => delta.text)).toEqual(['one '])
    expect((await world.runtime.look(world.sessionId)).state.kind).toBe('busy')
    expect((await world.over()).state).toMatchObject({ text: 'one two three' })
    expect(world.deltas.map((delta) => delta.text)).toEqual(['one ', 'two ', 'three'])
  })

  it('AL-1 ends at exactly the limit of steps', async () => {
    const profiles = [{ name: 'build', prompt: 'x', tools: null, stepsMax: 4 }]
    const replies = ['a', 'b', 'c', 'd', 'e'].map((pattern) => ({ tool_calls: [call('glob', { pattern })] }))
    const world = await agentWorld(replies, { profiles })
    expect((await world.run('go')).state).toMatchObject({ kind: 'idle', complete: false })
    expect(endsOf(world.entries())).toEqual(['max_steps'])
    expect(world.requests.filter((one) => one.body)).toHaveLength(4)
  })

  it('AL-1 has its steps once a turn, however often the turn is entered', async () => {
    const profiles = [{ name: 'build', prompt: 'x', tools: null, stepsMax: 4 }]
    const look = (pattern: string) => ({ tool_calls: [call('glob', { pattern })] })
    const stall = { fault: 'stall', times: 1 } as const
    const world = await agentWorld([look('a'), look('b'), stall, look('c'), look('d'), look('e')], { profiles })
    await goesOnAfterRestart(world, 3)
    expect(endsOf(world.entries())).toEqual(['max_steps'])
    expect(world.outputs()).toHaveLength(4)
  })

  it('AL-3 keeps reasoning out of the answer', async () => {
    const world = await agentWorld([{ reasoning: 'hmm', text: 'the answer' }])
    expect((await world.run('go')).state).toMatchObject({ text: 'the answer' })
    expect(world.deltas.map((delta) => delta.kind)).toEqual(['reasoning', 'text'])
  })

  it('says that an answer is cut off by the output limit', async () => {
    const world = await agentWorld([{ text: 'half an', finish: 'length' }])
    expect((await world.run('go')).state).toMatchObject({ kind: 'idle', complete: false, text: 'half an' })
  })
})

describe('AL-4 bad calls', () => {
  it('answers each with one result that names the fault, and the history stays valid', async () => {
    const world = await agentWorld([
      {
        tool_calls: [
          { name: 'read', raw: '{"file_path": oops' },
          { name: 'read', raw: '["a"]' },
          { name: 'fly', arguments: {} },
          call('read', {}),
          call('read', { file_path: 7 }),
          call('read', { file_path: 'a', surprise: true }),
          { name: 'glob', raw: '' },
        ],
      },
      { text: 'I see' },
    ])
    expect((await world.run('go')).state).toMatchObject({ kind: 'idle', complete: true })
    const faults = [
      /not valid JSON/,
      /must be a JSON object/,
      /no tool "fly".*read/,
      /file_path/,
      /file_path/,
      /surprise/,
    ]
    for (const [index, output] of world.outputs().entries()) expect(output).toMatch(faults[index] ?? /pattern/)
    expect(world.requests.map((request) => request.status)).not.toContain(400)
    const stored = world.entries().find((entry) => entry.type === 'assistant')
    expect(stored?.type === 'assistant' && stored.calls[0]?.argumentsText).toBe('{"file_path": oops')
  })

  it('puts parallel arguments together again that the server cut at the wrong place', async () => {
    const world = await agentWorld([
      {
        fault: 'split_args',
        tool_calls: [
          call('write', { file_path: 'a', content: 'one }{ "x' }),
          call('write', { file_path: 'b', content: 'two' }),
        ],
      },
      { text: 'done' },
    ])
    await world.run('go')
    expect(await readFile(world.path('a'), 'utf8')).toBe('one }{ "x')
    expect(await readFile(world.path('b'), 'utf8')).toBe('two')
  })

  it('tells the model that its arguments were cut off by the output limit', async () => {
    const world = await agentWorld([
      { tool_calls: [{ name: 'write', raw: '{"file_path": "a", "content": "lo' }], finish: 'length' },
      { text: 'I see' },
    ])
    await world.run('go')
    expect(world.outputs()[0]).toContain('cut off by the output limit')
  })

  it('gives calls with one id in two replies their own ids', async () => {
    const again = { name: 'glob', arguments: { pattern: '*' }, id: 'call_0' }
    const world = await agentWorld([{ tool_calls: [again] }, { tool_calls: [again] }, { text: 'done' }])
    await world.put('x', '')
    expect((await world.run('go')).state).toMatchObject({ complete: true })
    expect(world.outputs()).toEqual(['x', 'x'])
  })

  it('survives a tool that throws', async () => {
    const broken: AnyTool = {
      name: 'broken',
      description: 'Throws.',
      schema: z.strictObject({}),
      isReadOnly: () => false,
      run: () => Promise.reject(new Error('a bug')),
    }
    const world = await agentWorld([{ tool_calls: [call('broken', {})] }, { text: 'I see' }], { tools: [broken] })
    expect((await world.run('go')).state).toMatchObject({ complete: true })
    expect(world.outputs()[0]).toContain('a bug')
  })
})

describe('AL-5 empty replies', () => {
  it('are nudged, and after the third the run has failed to say anything', async () => {
    const world = await agentWorld({ replies: [{ fault: 'empty' }], at_end: 'repeat' })
    expect((await world.run('go')).state).toMatchObject({ kind: 'idle', complete: false })
    expect(endsOf(world.entries())).toEqual(['empty'])
    expect(world.requests.filter((one) => one.body)).toHaveLength(3)
  })

  it('AL-5 are counted on after a restart', async () => {
    const empty = { fault: 'empty' } as const
    const world = await agentWorld([empty, empty, { fault: 'stall', times: 1 }, empty, { text: 'too late' }])
    await goesOnAfterRestart(world, 3)
    expect(endsOf(world.entries())).toEqual(['empty'])
  })

  it('once are forgiven', async () => {
    const world = await agentWorld([{ fault: 'empty' }, { text: 'here I am' }])
    expect((await world.run('go')).state).toMatchObject({ complete: true, text: 'here I am' })
  })
})

describe('AL-7 cancel and resume', () => {
  it('ends stream and commands within a second, and goes on later with valid history', async () => {
    const world = await agentWorld([
      {
        text: 'Working.',
        tool_calls: [call('bash', { command: 'sleep 600 & sleep 600' }), call('glob', { pattern: '*' })],
      },
      { text: 'went on' },
    ])
    await world.prompt('go')
    while (ownedProcesses(world.owner).length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    const startedAt = performance.now()
    await world.runtime.abort(world.sessionId)
    expect(performance.now() - startedAt).toBeLessThan(1_000)
    expect(ownedProcesses(world.owner)).toEqual([])
    expect(world.outputs()).toEqual([expect.stringContaining('stopped'), 'Not run: the turn was cancelled.'])
    expect((await world.run('go')).state).toMatchObject({ kind: 'idle', complete: true, text: 'went on' })
    expect(world.requests.map((request) => request.status)).not.toContain(400)
  })

  it('keeps the text that had come, and asks to go on after it', async () => {
    const world = await agentWorld([{ fault: 'stall', text: 'half a sentence' }, { text: 'x' }, { text: 'the rest' }])
    await world.prompt('go')
    while (world.deltas.length === 0) await new Promise((resolve) => setImmediate(resolve))
    await world.runtime.abort(world.sessionId)
    expect(endsOf(world.entries())).toEqual(['cancelled'])
    await world.run('go')
    const roles = world.messages().map((message) => message.role)
    expect(roles).toEqual(['system', 'user', 'assistant', 'user'])
    expect(world.messages()[2]?.content).toBe('half a sentence')
  })

  it('leaves no background command behind when the run is over by itself', async () => {
    const world = await agentWorld([
      {
        tool_calls: [
          call('bash', { command: 'sleep 600', run_in_background: true }),
          call('bash', { command: 'setsid sleep 600 & true' }),
        ],
      },
      { text: 'done' },
    ])
    await world.run('go')
    expect(ownedProcesses(world.owner)).toEqual([])
  })
})

describe('limits and permissions', () => {
  const reads = { tool_calls: ['a', 'b', 'c'].map((pattern) => call('glob', { pattern })) }
  const limited = async (limits: { toolCalls: number | null; tokens: number | null }, options: AgentOptions = {}) => {
    const world = await agentWorld([reads, { text: 'done' }], options)
    const { state } = await world.run('go', { limits })
    return { world, state, ends: endsOf(world.entries()) }
  }

  it('stop the run before the call that is too many, with every call answered', async () => {
    const { world, state, ends } = await limited({ toolCalls: 2, tokens: null })
    expect([ends, state.kind]).toEqual([['budget'], 'idle'])
    expect(world.outputs().map((output) => output.startsWith('Not run'))).toEqual([false, false, true])
    expect(world.requests.filter((one) => one.body)).toHaveLength(1)
  })

  it('count tokens as the server reports them', async () => {
    const { ends, world } = await limited({ toolCalls: null, tokens: 10 })
    expect(ends).toEqual(['budget'])
    expect(world.outputs().every((output) => output.startsWith('Not run'))).toBe(true)
  })

  it('a denied call is answered and the run goes on', async () => {
    const permissions = [
      { tool: '*', action: 'allow' as const },
      { tool: 'glob', action: 'deny' as const },
    ]
    const { world, ends } = await limited({ toolCalls: null, tokens: null }, { policyOf: userRules(permissions) })
    expect(ends).toEqual(['completed'])
    expect(world.outputs()[0]).toContain('Not permitted')
  })

  it('a call that needs a person ends the run; after the rules were changed it goes on', async () => {
    const script = [{ tool_calls: [call('bash', { command: 'npm publish' })] }, { text: 'done' }]
    const world = await agentWorld(script, {
      policyOf: userRules([{ tool: 'bash', pattern: 'npm test', action: 'allow' }]),
    })
    expect((await world.run('go')).state).toMatchObject({
      kind: 'failed',
      transient: false,
      problem: { kind: 'permission-needed', text: /npm publish/ },
    })
    expect((await world.run('go')).state).toMatchObject({ kind: 'idle', complete: true })
    expect(world.messages().at(-1)?.content).toContain('permissions since')
  })

  it('see the real path: a link is no way around a rule', async () => {
    const permissions = [
      { tool: '*', action: 'allow' as const },
      { tool: 'write', pattern: 'locked/*', action: 'deny' as const },
    ]
    const script = [
      {
        tool_calls: [
          call('bash', { command: 'ln -s locked open' }),
          call('write', { file_path: 'open/x', content: '' }),
        ],
      },
      { text: 'done' },
    ]
    const world = await agentWorld(script, { policyOf: userRules(permissions) })
    await world.put('locked/keep', '')
    await world.run('go')
    expect(world.outputs()[1]).toContain('Not permitted')
  })
})

describe('trouble of the model', () => {
  it('PV-3 ends as transient failure, and the same prompt goes on from there', async () => {
    const world = await agentWorld(
      [{ tool_calls: [call('glob', { pattern: '*' })] }, { fault: '500' }, { text: 'fine now' }],
      { provider: { retries: 0 } },
    )
    expect((await world.run('go')).state).toMatchObject({ kind: 'failed', transient: true })
    expect((await world.run('go')).state).toMatchObject({ kind: 'idle', complete: true, text: 'fine now' })
    expect(world.outputs()).toHaveLength(1)
  })

  it('PV-3 what had come of an answer stays when the model is given up, and is gone on from', async () => {
    const replies = [
      { fault: 'drop', text: 'half a' },
      { match: 'interrupted', text: 'nother' },
    ] as const
    const world = await agentWorld([...replies], { provider: { retries: 0 } })
    expect((await world.run('go')).state).toMatchObject({ kind: 'failed' })
    expect(world.entries()).toContainEqual(expect.objectContaining({ type: 'assistant', text: 'half a' }))
    expect((await world.run('go')).state).toMatchObject({ kind: 'idle', complete: true, text: 'nother' })
    expect(world.messages().slice(-2)).toEqual([
      { role: 'assistant', content: 'half a' },
      { role: 'user', content: expect.stringContaining('interrupted') },
    ])
  })

  it('a dropped stream is asked again; what was shown is marked and no part of the answer', async () => {
    const world = await agentWorld([{ fault: 'drop', text: 'half a' }, { text: 'a whole' }])
    expect((await world.run('go')).state).toMatchObject({ text: 'a whole', complete: true })
    expect(world.deltas.map((delta) => delta.text).join('')).toContain('cut off')
  })
})

describe('CX-1 the prompt', () => {
  it('is the same, byte for byte, in two runs of a session, and takes text of the user as it is', async () => {
    const world = await agentWorld([{ text: 'one' }, { text: 'two' }])
    await world.run('costs $$ and $& {{x}}')
    await world.run('again', { promptId: 'p2' })
    const [first, second] = [world.messages(2), world.messages(1)]
    expect(second.slice(0, first.length)).toEqual(first)
    expect(first[1]?.content).toBe('costs $$ and $& {{x}}')
    expect(first[0]?.content).toContain(world.workspace)
  })
})

describe('DU-3 restart', () => {
  it('remembers what it had read: a file that did not change may be edited', async () => {
    const world = await agentWorld(
      [
        { tool_calls: [call('read', { file_path: 'a' })] },
        { fault: 'stall', times: 1 },
        { tool_calls: [call('edit', { file_path: 'a', old_string: 'one', new_string: 'two' })] },
        { text: 'done' },
      ],
      { tools: createTools() },
    )
    await world.put('a', 'one\n')
    await world.prompt('go')
    while (world.requests.filter((one) => one.body).length < 2) await new Promise((resolve) => setImmediate(resolve))
    await world.runtime.close()
    world.restart()
    expect((await world.run('go')).state).toMatchObject({ complete: true })
    expect(await readFile(world.path('a'), 'utf8')).toBe('two\n')
  })

  it('parking ends a command, and the next host goes on behind it', async () => {
    const world = await agentWorld([
      {
        tool_calls: [
          call('bash', { command: 'echo x >> count; sleep 600' }),
          call('bash', { command: 'echo y >> count' }),
        ],
      },
      { text: 'done' },
    ])
    await writeFile(world.path('count'), '')
    await world.prompt('go')
    while ((await readFile(world.path('count'), 'utf8')) === '') await new Promise((resolve) => setTimeout(resolve, 5))
    await world.runtime.close()
    expect(ownedProcesses(world.owner)).toEqual([])
    world.restart()
    expect((await world.runtime.look(world.sessionId)).state.kind).toBe('interrupted')
    await world.prompt('go')
    await lookUntil(world.runtime, world.sessionId, ['idle'])
    expect(await readFile(world.path('count'), 'utf8')).toBe('x\ny\n')
  })

  it('parking in the middle of an answer leaves a beginning, and not an answer', async () => {
    const world = await agentWorld([
      { text: ['Once upon a time ', 'and so on'], chunk_ms: 60_000 },
      { text: 'The end.' },
    ])
    await world.prompt('Tell a story.')
    while (world.deltas.length === 0) await new Promise((resolve) => setImmediate(resolve))
    await world.runtime.close()
    world.restart()
    expect((await world.run('Tell a story.')).state).toMatchObject({ kind: 'idle', complete: true, text: 'The end.' })
    expect(world.messages().slice(-2)).toEqual([
      { role: 'assistant', content: 'Once upon a time ' },
      { role: 'user', content: expect.stringContaining('interrupted') },
    ])
  })
})
