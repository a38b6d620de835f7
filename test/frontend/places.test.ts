import { describe, expect, it } from 'vitest'
import { markLines } from '../../frontend/src/model/inbox.ts'
import { fitsLog, logAsked, logHref, sentenceOf, toneOf } from '../../frontend/src/model/log.ts'
import { parseRoute } from '../../frontend/src/model/routes.ts'
import { groupSettings, yamlOf } from '../../frontend/src/model/settings.ts'
import { arrivalsOf, lookOfSink } from '../../frontend/src/model/sinks.ts'
import { event } from './events.ts'

const sink = (part: object) => {
  const none = { pending: 0, nextDueAt: null, dead: 0, delivered: [] }
  return { id: 's', kind: 'webhook', label: 'https://example.org/…', ...none, ...part }
}
const arrival = { seq: 1, type: 'task.done' as const, taskId: null, title: null, at: 5, tookMs: 3, detail: '' }

describe('a sink', () => {
  it('says what was lost before what waits, and that silence is no success', () => {
    expect(lookOfSink(sink({ dead: 2, pending: 1 }), 0).word).toBe('2 dead letters')
    expect(lookOfSink(sink({ pending: 1, nextDueAt: 300_000 }), 0).word).toBe('1 delivery waiting, next try in 5 m')
    expect(lookOfSink(sink({}), 0).word).toBe('nothing sent yet')
    expect(lookOfSink(sink({ delivered: [arrival] }), 0).tone).toBe('ok')
  })
  it('stands with the others in one list of arrivals, the newest first', () => {
    const [one, other] = [sink({ delivered: [arrival] }), sink({ id: 't', delivered: [{ ...arrival, at: 9 }] })]
    expect(arrivalsOf([one, other], 9).map(({ sink: id }) => id)).toEqual(['t', 's'])
    expect(arrivalsOf([one, other], 1)).toHaveLength(1)
  })
})

describe('settings', () => {
  const item = (path: string, value: unknown, set: boolean) => {
    const origin = set
      ? { kind: 'file' as const, file: '/home/ada/openloom.yaml', line: 3 }
      : { kind: 'default' as const }
    return { path, value, origin, about: 'Why it is there.', change: null }
  }
  const items = [item('server.port', 55_413, false), item('defaults.ask', 'wait', true)]
  it('are grouped by section and found by name, value, place or explanation', () => {
    const names = (words: string, only = false) => groupSettings(items, words, only).map(({ name }) => name)
    expect([names(''), names('', true), names('55413'), names('yaml:3 wait'), names('nothing')]).toEqual([
      ...[['server', 'defaults'], ['defaults'], ['server'], ['defaults'], []],
    ])
  })
  it('become the lines that would set them, whatever the value', () => {
    expect(yamlOf('defaults.limits.tokens', null)).toBe('defaults:\n  limits:\n    tokens: ')
    expect(yamlOf('child_env', ['A: b'])).toBe('child_env: ["A: b"]')
  })
})

describe('the text of a file', () => {
  it('has each problem at its line; those without one, or beyond the end, stand apart', () => {
    const problems = [
      { kind: 'a', text: 'x', line: 2 },
      { kind: 'b', text: 'y' },
      { kind: 'c', text: 'z', line: 9 },
    ]
    const { lines, apart } = markLines('one\r\ntwo\r\n', problems)
    expect(lines.map(({ text, problems: found }) => [text, found.length])).toEqual([
      ['one', 0],
      ['two', 1],
    ])
    expect(apart.map(({ kind }) => kind)).toEqual(['b', 'c'])
  })
})

describe('the log', () => {
  it('has every question in its address, and takes nothing else from there', () => {
    const asked = { type: 'task.*', task: 't_1', session: 's_1', q: 'two words' }
    const href = logHref(asked)
    expect(parseRoute(new URL(href, 'http://localhost'))).toEqual({ name: 'log', asked })
    expect(logAsked(new URLSearchParams('type=%2A%27&task=../x&session=<b>'))).toEqual({
      ...{ type: '', task: '', session: '', q: '' },
    })
  })
  it('takes in what arrives only when it fits', () => {
    const all = { type: '', task: '', session: '', q: '' }
    const told = event(1, 'task.done', { text: 'All of it' })
    expect(fitsLog(told, all)).toBe(true)
    expect([fitsLog(told, { ...all, type: 'task.*' }), fitsLog(told, { ...all, type: 'task.failed' })]).toEqual([
      true,
      false,
    ])
    expect([fitsLog(told, { ...all, q: 'IT all' }), fitsLog(told, { ...all, q: 'it none' })]).toEqual([true, false])
  })
  it('says an event in one sentence and shows trouble as trouble', () => {
    expect(sentenceOf({ data: { task: { title: 'Fix it' }, because: 'a person said so' } })).toBe(
      'Fix it · a person said so',
    )
    expect(sentenceOf({ data: { n: 3 } })).toBe('')
    expect([toneOf('session.stalled'), toneOf('ask.raised'), toneOf('task.done')]).toEqual([
      'danger',
      'attention',
      'ok',
    ])
  })
})
