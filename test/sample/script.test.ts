import { describe, expect, it } from 'vitest'
import { faultOf, requestSchema } from '../../src/sample/history.ts'
import { candidates, choose, conversationsOf, parseScript, type ScriptInput } from '../../src/sample/script.ts'

function conversation(script: ScriptInput) {
  const parsed = parseScript(script)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  const [first] = conversationsOf(parsed.value)
  if (!first) throw new Error('no conversation')
  return first
}

function textsAt(script: ScriptInput, before: string[], given = 0) {
  const one = conversation(script)
  const entry = choose(one, candidates(one, before), () => given)
  return entry ? (entry.fault ?? entry.text) : null
}

describe('a script', () => {
  it('answers by the number of assistant messages before', () => {
    const script = [{ text: 'one' }, { text: 'two' }]
    expect(textsAt(script, ['hi'])).toBe('one')
    expect(textsAt(script, ['hi', 'more'])).toBe('two')
    expect(textsAt(script, ['hi', 'more', 'yet more'])).toBeNull()
  })

  it('gives a fault once, before the reply that it stands before', () => {
    const script = [{ text: 'one' }, { fault: '429' as const }, { text: 'two' }]
    expect(textsAt(script, ['hi'])).toBe('one')
    expect(textsAt(script, ['hi', 'more'])).toBe('429')
    expect(textsAt(script, ['hi', 'more'], 1)).toBe('two')
  })

  it('lets an entry with match answer whenever the last message fits, without taking a place', () => {
    const script = [{ match: 'weather', text: 'sunny' }, { text: 'one' }, { text: 'two' }]
    expect(textsAt(script, ['hi'])).toBe('one')
    expect(textsAt(script, ['hi', 'the weather?'])).toBe('sunny')
    expect(textsAt(script, ['hi', 'the weather?', 'more'])).toBe('two')
  })

  it('repeats its last entry where it says so, a fault as well', () => {
    expect(textsAt({ replies: [{ text: 'a' }], at_end: 'repeat' }, ['x', 'y', 'z'])).toBe('a')
    expect(textsAt({ replies: [{ fault: 'empty' }], at_end: 'repeat' }, ['x'], 9)).toBe('empty')
  })

  it.each([
    [[], /The script|Too small/],
    [[{ text: 'x', fault: 'nonsense' }], /0\.fault/],
    [{ replies: [{ txet: 'x' }] }, /txet/],
    [{ conversations: [{ match: '(', replies: [{ text: 'x' }] }] }, /match: is not a regular expression/],
    [{}, /holds no replies/],
  ])('says what is wrong with %j', (script, message) => {
    const parsed = parseScript(script)
    expect(parsed.ok ? '' : parsed.problems.map((problem) => problem.text).join('\n')).toMatch(message)
  })
})

describe('the judge of histories', () => {
  const user = { role: 'user', content: 'hi' }
  const call = (id: string, argumentsText = '{}') => ({
    role: 'assistant',
    content: null,
    tool_calls: [{ id, type: 'function', function: { name: 'read', arguments: argumentsText } }],
  })
  const result = (id: string) => ({ role: 'tool', tool_call_id: id, content: 'x' })
  const judge = (...messages: unknown[]) => faultOf(requestSchema.parse({ model: 'm', messages }).messages)

  it('accepts a call with its result', () => {
    expect(judge({ role: 'system', content: 's' }, user, call('a'), result('a'))).toBeNull()
  })

  it.each([
    ['nothing', [], /empty/],
    ['a result without its call', [user, result('a')], /no call a/],
    ['a call without its result', [user, call('a')], /have no result/],
    ['a call answered too late', [user, call('a'), user], /have no result/],
    ['two results for one call', [user, call('a'), result('a'), result('a')], /no call a/],
    ['a second system message', [{ role: 'system', content: 's' }, { role: 'system', content: 's' }, user], /system/],
    ['an empty assistant message', [user, { role: 'assistant', content: '' }, user], /assistant message is empty/],
    ['an empty user message', [{ role: 'user', content: ' ' }], /user message is empty/],
    ['arguments that are no JSON', [user, call('a', '{"x'), result('a')], /no JSON object/],
    ['an end with the assistant', [user, { role: 'assistant', content: 'x' }], /last message/],
  ])('refuses %s', (_what, messages, fault) => {
    expect(judge(...messages)).toMatch(fault)
  })
})
