import { describe, expect, it } from 'vitest'
import { argumentTexts, parseArguments } from '../../src/agent/arguments.ts'
import { lastTurnOf, messagesOf, openCallsOf, seenOf, standingOf, usageOf } from '../../src/agent/history.ts'
import { costMicros } from '../../src/agent/prices.ts'
import { chatWire } from '../../src/agent/providers/chat-wire.ts'
import type { ModelMessage } from '../../src/core/provider.ts'
import type { EndReason, JournalEntry, ToolCall } from '../../src/core/session.ts'
import { faultOf, requestSchema } from '../../src/sample/history.ts'

const runId = 'r1'
const prompt = (promptId: string): JournalEntry => ({ type: 'prompt', promptId, text: 'go' })
const started: JournalEntry = { type: 'run.started', runId, promptId: 'p1', resumed: false, model: 'm', provider: 'l' }
const ended = (reason: EndReason): JournalEntry => ({ type: 'run.ended', runId, reason, text: '', problem: null })
const toolCall = (id: string, argumentsText = '{}'): ToolCall => ({ id, name: 'read', argumentsText })
const said = (text: string, calls: ToolCall[] = [], finish = 'stop'): JournalEntry => ({
  type: 'assistant',
  runId,
  text,
  reasoning: '',
  calls,
  finish,
})
const begun = (callId: string): JournalEntry => ({ type: 'tool.started', runId, callId, readOnly: false })
const result = (callId: string, output = 'x', facts = {}): JournalEntry => ({
  type: 'tool.ended',
  runId,
  callId,
  ok: true,
  output,
  facts,
})
const note: JournalEntry = { type: 'note', runId, text: 'nudge' }

const roles = (messages: ModelMessage[]) => messages.map((message) => message.role).join(' ')

describe('messages from the journal', () => {
  it('put results behind their calls, in call order, whatever order they ended in', () => {
    const entries = [prompt('p1'), said('', [toolCall('a'), toolCall('b')]), result('b', 'B'), result('a', 'A')]
    expect(messagesOf(entries).slice(2)).toMatchObject([{ text: 'A' }, { text: 'B' }])
  })

  it('close what was open: begun is unknown, not begun is not run', () => {
    const entries = [prompt('p1'), said('', [toolCall('a'), toolCall('b')]), begun('a'), prompt('p2')]
    const messages = messagesOf(entries)
    expect(roles(messages)).toBe('user assistant tool tool user')
    expect(messages.slice(2, 4)).toMatchObject([{ text: /^Outcome unknown/ }, { text: /^Not run/ }])
  })

  it('leave out empty replies', () => {
    expect(roles(messagesOf([prompt('p1'), said(' '), note]))).toBe('user user')
  })

  it('show arguments that are no JSON inside of an object', () => {
    const [, reply] = messagesOf([prompt('p1'), said('', [toolCall('a', '{"x": oo'), toolCall('b', '')])])
    const texts = reply?.role === 'assistant' ? reply.calls.map((call) => call.argumentsText) : []
    expect(texts.map((text) => JSON.parse(text))).toEqual([{ _not_json: '{"x": oo' }, {}])
  })

  it('are well-formed for every prefix of any journal, cut anywhere', () => {
    const pool: JournalEntry[] = [
      started,
      said('hello'),
      said(''),
      said('', [toolCall('a'), toolCall('b', 'bad')]),
      begun('a'),
      begun('b'),
      result('b', ''),
      result('a'),
      note,
      said('', [toolCall('c')], 'length'),
      ended('cancelled'),
      prompt('p2'),
    ]
    let seed = 7
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
      return seed % below
    }
    for (let round = 0; round < 500; round++) {
      const order = [...pool].sort(() => random(3) - 1)
      const entries = [prompt('p1'), ...order.slice(0, random(pool.length + 1)), note]
      const body = chatWire('max_tokens').request(
        {
          model: 'm',
          messages: messagesOf(entries),
          tools: [],
          temperature: null,
          maxOutputTokens: null,
        },
        null,
      ).body
      expect(faultOf(requestSchema.parse(body).messages)).toBeNull()
    }
  })
})

describe('a journal read back', () => {
  it('knows its open calls until a newer prompt has overtaken them', () => {
    const entries = [
      prompt('p1'),
      said('', [toolCall('a'), toolCall('b'), toolCall('c')]),
      begun('a'),
      begun('b'),
      result('a'),
    ]
    expect(openCallsOf(entries)).toEqual([
      { call: toolCall('b'), started: true },
      { call: toolCall('c'), started: false },
    ])
    expect(openCallsOf([...entries, prompt('p2')])).toEqual([])
  })

  it.each<[string, JournalEntry[], 'new' | 'over' | 'open']>([
    ['never seen', [], 'new'],
    ['begun and cut', [prompt('p1'), started], 'open'],
    ['accepted, no run yet', [prompt('p1')], 'open'],
    ['completed', [prompt('p1'), started, said('x'), ended('completed')], 'over'],
    ['stopped by a limit', [prompt('p1'), started, ended('budget')], 'over'],
    ['cancelled', [prompt('p1'), started, ended('cancelled')], 'open'],
    ['failed by the provider', [prompt('p1'), started, ended('provider_error')], 'open'],
    ['in need of a person', [prompt('p1'), started, ended('needs_permission')], 'open'],
    ['followed by another', [prompt('p1'), started, prompt('p2')], 'over'],
    [
      'entered again after a failure',
      [prompt('p1'), started, ended('provider_error'), { ...started, runId: 'r2' }],
      'open',
    ],
  ])('a prompt %s', (_what, entries, standing) => {
    expect(standingOf(entries, 'p1')).toBe(standing)
  })

  it('says what was said last, and whether it was whole', () => {
    const turn = (finish: string) => lastTurnOf([prompt('p1'), started, said('x', [], finish), ended('completed')])
    expect(turn('stop')).toMatchObject({ text: 'x', complete: true })
    expect(turn('length')).toMatchObject({ text: 'x', complete: false })
    expect(lastTurnOf([])).toBeNull()
  })

  it('remembers files by their last digest', () => {
    const facts = (sha256: string) => ({ path: '/w/a', sha256 })
    expect([...seenOf([result('a', '', facts('1')), result('b', '', facts('2')), result('c')])]).toEqual([
      ['/w/a', '2'],
    ])
  })

  it('PV-5 adds up usage; one unknown price makes the cost unknown', () => {
    const used = (costMicros: number | null): JournalEntry => ({
      type: 'usage',
      runId,
      usage: { model: 'm', provider: 'l', input: 10, output: 5, reasoning: 3, cacheRead: 2, cacheWrite: 1, costMicros },
    })
    expect(usageOf([used(5), used(6), result('a')])).toEqual({ toolCalls: 1, tokens: 36, costMicros: 11 })
    expect(usageOf([used(5), used(null), used(6)])).toMatchObject({ costMicros: null })
    expect(usageOf([])).toEqual({ toolCalls: 0, tokens: 0, costMicros: 0 })
  })

  it('prices by the million tokens, cache like input unless it has its own price', () => {
    const usage = {
      model: 'm',
      provider: 'l',
      input: 1_000,
      output: 100,
      reasoning: 0,
      cacheRead: 500,
      cacheWrite: 200,
    }
    expect(costMicros({ input: 3, output: 15 }, usage)).toBe(3_000 + 1_500 + 1_500 + 600)
    expect(costMicros({ input: 3, output: 15, cache_read: 0.3, cache_write: 3.75 }, usage)).toBe(
      3_000 + 1_500 + 150 + 750,
    )
    expect(costMicros(undefined, usage)).toBeNull()
  })
})

describe('AL-4 arguments', () => {
  const split = (...texts: string[]) => argumentTexts(texts.map((text, index) => toolCall(`${index}`, text)))

  it.each<[string[], string[]]>([
    [
      ['{"a":1}{"b', '":2}'],
      ['{"a":1}', '{"b":2}'],
    ],
    [
      ['{"a":1}{"b":2}', ''],
      ['{"a":1}', '{"b":2}'],
    ],
    [
      ['{"a":"}{\\""', '}{"b":{}}'],
      ['{"a":"}{\\""}', '{"b":{}}'],
    ],
    [
      ['{"a":1', '{"b":2}'],
      ['{"a":1', '{"b":2}'],
    ],
    [
      ['{"a":1}{"b":2}{"c":3}', 'x'],
      ['{"a":1}{"b":2}{"c":3}', 'x'],
    ],
    [
      ['nonsense', '{}'],
      ['nonsense', '{}'],
    ],
  ])('%j', (sent, meant) => {
    expect(split(...sent)).toEqual(meant)
  })

  it('name the fault', () => {
    expect(parseArguments('[1]')).toMatchObject({ ok: false, fault: /not a list/ })
    expect(parseArguments('7')).toMatchObject({ ok: false, fault: /not number/ })
    expect(parseArguments('{"a"')).toMatchObject({ ok: false, fault: /not valid JSON/ })
    expect(parseArguments(' ')).toEqual({ ok: true, value: {} })
  })
})
