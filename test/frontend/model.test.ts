/** Tables of the page's pure logic: words, figures, places, rows, live lines, actions. */
import { describe, expect, it } from 'vitest'
import { actions, actionsOf, expectedStatus } from '../../frontend/src/model/actions.ts'
import {
  bytes,
  count,
  duration,
  exact,
  figure,
  firstLines,
  relative,
  shortId,
  shortPath,
} from '../../frontend/src/model/format.ts'
import { fromIn, layoutOf, movedCount, newer, sectionOf, taskIn } from '../../frontend/src/model/groups.ts'
import { activeMsAt, usesOf } from '../../frontend/src/model/limits.ts'
import {
  joinDelta,
  lineOfEvent,
  lineOfStream,
  type StreamPart,
  streamCharsMax,
} from '../../frontend/src/model/live-line.ts'
import { newTaskHref, noFilter, parseRoute, taskHref, tasksHref } from '../../frontend/src/model/routes.ts'
import { firstLine, lastLine, prose, verbatim } from '../../frontend/src/model/text.ts'
import { inTwo, lookOf } from '../../frontend/src/model/words.ts'
import { isEnded, mayMove, type TaskItem, type TaskStatus, taskStatuses } from '../../src/core/task.ts'
import { verdicts } from '../../src/core/verdict.ts'
import { event } from './events.ts'

const item = (id: string, status: TaskStatus, more: Partial<TaskItem> = {}): TaskItem => ({
  id,
  title: id,
  status,
  reason: null,
  verdict: null,
  attempt: 1,
  workspace: '/w',
  runtime: 'builtin',
  source: 'inbox',
  progress: { proven: 0, total: 1 },
  createdAt: 1000,
  updatedAt: 1000,
  startedAt: null,
  endedAt: null,
  tokens: 0,
  costMicros: null,
  ...more,
})

describe('the look of a task', () => {
  it.each(verdicts)('done with %s shows the verdict itself', (verdict) => {
    expect(lookOf({ status: 'done', verdict }).word).toBe(verdict.replaceAll('-', ' '))
  })
  it('calls a done task without a verdict unverified', () => {
    expect(lookOf({ status: 'done', verdict: null }).word).toBe('unverified')
  })
  it.each(taskStatuses.filter((s) => s !== 'done'))('%s never shows an earlier verdict', (status) => {
    expect(lookOf({ status, verdict: 'verified' }).word).toBe(status)
  })
  it('names tampering and the verdict of a failure, which stand below the word in a column', () => {
    const failed = { status: 'failed', verdict: 'weakened', reason: { code: 'attempts-weakened' } } as const
    expect(inTwo(lookOf(failed))).toEqual(['failed', 'weakened'])
    expect(inTwo(lookOf({ status: 'done', verdict: 'verified (project checks)' }))).toEqual([
      'verified',
      'project checks',
    ])
    expect(inTwo(lookOf({ status: 'done', verdict: 'verified' }))).toEqual(['verified', null])
    const paused = { status: 'paused', verdict: 'tampered', reason: { code: 'tampered' } } as const
    expect(lookOf(paused)).toMatchObject({ word: 'tampered', tone: 'danger' })
  })
  it('gives only "verified" the colour of ok', () => {
    const green = [...verdicts, null].filter((verdict) => lookOf({ status: 'done', verdict }).tone === 'ok')
    expect(green).toEqual(['verified'])
  })
})

describe('the actions offered', () => {
  it.each(taskStatuses)('of a %s task lead only where the table of moves allows', (status) => {
    for (const action of actionsOf[status]) {
      expect(mayMove(status, expectedStatus(action)), `${status} → ${action}`).toBe(true)
    }
  })
  it('leave out no move that a person could make', () => {
    const possible = (status: TaskStatus) =>
      actions.filter((action) => {
        if (action === 'resume') return status === 'paused'
        if (action === 'retry') return isEnded(status) && mayMove(status, 'queued')
        return mayMove(status, expectedStatus(action))
      })
    for (const status of taskStatuses) expect([...actionsOf[status]]).toEqual(possible(status))
  })
})

describe('figures', () => {
  it.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [1000, '1.0 s'],
    [9999, '9.9 s'],
    [59_999, '59 s'],
    [60_000, '1 m'],
    [192_000, '3 m 12 s'],
    [3_600_000, '1 h'],
    [90_000_000, '1 d 1 h'],
  ])('%d ms is %s', (ms, text) => {
    expect(duration(ms)).toBe(text)
  })
  it.each([
    [0, 'just now'],
    [12_000, '12 s ago'],
    [-40_000, 'in 40 s'],
    [7_200_000, '2 h ago'],
  ])('an instant %d ms back is %s', (back, text) => {
    expect(relative(1_000_000_000 - back, 1_000_000_000)).toBe(text)
  })
  it.each([
    [0, '0'],
    [999, '999'],
    [-1_200, '-1,200'],
    [1_234_567, '1,234,567'],
    [3_333.3, '3,333'],
  ])('%d stands as %s', (n, text) => {
    expect(figure(n)).toBe(text)
  })
  it('say an instant as the reader says it', () => {
    expect(exact(new Date(2026, 8, 3, 4, 5, 6).getTime())).toBe('3 Sep 2026, 04:05:06')
  })
  it('carry their unit', () => {
    expect([count(1, 'task'), count(1200, 'task'), bytes(64), bytes(2_500_000)]).toEqual([
      '1 task',
      '1,200 tasks',
      '64 B',
      '2.5 MB',
    ])
  })
  it('shorten what is known by its end', () => {
    expect([shortId('t_1kq3m2v8x7c4h2ep'), shortPath('/home/ada/projects/shop'), shortPath('/w')]).toEqual([
      '7c4h2ep',
      '…/projects/shop',
      '/w',
    ])
  })
  it('count the time of a task at work on, and of no other', () => {
    const task = { activeMs: 5000, updatedAt: 100 }
    expect(activeMsAt({ ...task, status: 'running' }, 1100)).toBe(6000)
    expect(activeMsAt({ ...task, status: 'waiting' }, 1100)).toBe(5000)
  })
  it('set what is used against its limit, where there is one', () => {
    const task = { status: 'done', activeMs: 30_000, updatedAt: 0, attempt: 2, toolCalls: 7, tokens: 12 } as const
    const uses = usesOf({ ...task, spec: { limits: { attempts: 4, minutes: 1 } } }, 0)
    expect(uses.map((use) => [use.text, use.share])).toEqual([
      ['2 of 4', 0.5],
      ['7', null],
      ['12', null],
      ['30 s of 1 m', 0.5],
    ])
  })
})

describe('a long list', () => {
  it('is cut, and says how much more there is', () => {
    expect(firstLines(['a', 'b'])).toBe('a\nb')
    const lines = firstLines(Array.from({ length: 1_060 }, (_, index) => `n${index}`)).split('\n')
    expect([lines.length, lines.at(-2), lines.at(-1)]).toEqual([51, 'n49', 'and 1,010 more'])
  })
})

describe('strange text', () => {
  it('loses its terminal sequences and its overrides of direction in prose', () => {
    expect(prose('\u001b[31mred\u001b[0m \u202Egnp\u202C\u0000')).toBe('red gnp')
  })
  it('keeps the joiners that languages and emoji are written with', () => {
    expect(prose('می\u200cخواهم 👩\u200d💻')).toBe('می\u200cخواهم 👩\u200d💻')
  })
  it('shows in evidence what cannot be seen', () => {
    expect(verbatim('a\u202Eb\u200bc\u0000\td\r\n')).toBe('a⟨U+202E⟩b⟨U+200B⟩c␀\td\n')
  })
  it('gives a row its first or last line', () => {
    expect([firstLine('\n  one\ntwo'), lastLine('one\ntwo \n'), lastLine('x'.repeat(200), 10)]).toEqual([
      'one',
      'two',
      `…${'x'.repeat(10)}`,
    ])
  })
})

describe('places', () => {
  const at = (path: string) => parseRoute(new URL(path, 'http://127.0.0.1'))
  it.each([
    ['/', { name: 'home' }],
    ['/login', { name: 'login' }],
    [
      '/tasks?q=a+b&status=done&order=cost&verdict=refuted&workspace=%2Fw&runtime=builtin&since=7d',
      {
        ...{ name: 'tasks', q: 'a b', status: 'done', order: 'cost' },
        ...{ verdict: 'refuted', workspace: '/w', runtime: 'builtin', since: '7d' },
      },
    ],
    ['/new?from=t_1', { name: 'new', from: 't_1' }],
    ['/new?from=%3Cscript', { name: 'new', from: null }],
    ['/tasks/t_1kq', { name: 'task', id: 't_1kq' }],
    ['/tasks/t_1kq/', { name: 'task', id: 't_1kq' }],
    ['/tasks/..%2Fapi', { name: 'nowhere', path: '/tasks/..%2Fapi' }],
    ['/what', { name: 'nowhere', path: '/what' }],
  ])('%s is a place', (path, route) => {
    expect(at(path)).toEqual(route)
  })
  it('lead back to themselves', () => {
    const filter = { ...noFilter, q: 'a&b', status: 'done', workspace: '/a b', order: 'cost' }
    expect(at(tasksHref(filter))).toEqual({ name: 'tasks', ...filter })
    expect(at(newTaskHref('t_1'))).toEqual({ name: 'new', from: 't_1' })
    expect(at(taskHref('t_1'))).toEqual({ name: 'task', id: 't_1' })
  })
})

describe('the rows', () => {
  it.each(taskStatuses.filter((s) => s !== 'archived'))('%s has a section', (status) => {
    expect(sectionOf(status)).not.toBeNull()
  })
  it('stand by what they need, the latest move first', () => {
    const rows = [
      item('old', 'done', { endedAt: 1 }),
      item('new', 'done', { endedAt: 2 }),
      item('stuck', 'failed'),
      item('gone', 'archived'),
    ]
    expect(layoutOf(rows)).toEqual({ needs: ['stuck'], running: [], queued: [], finished: ['new', 'old'] })
  })
  it('do not change places when a task at work is only updated', () => {
    const a = item('a', 'running', { startedAt: 1 })
    const b = item('b', 'running', { startedAt: 2 })
    expect(layoutOf([{ ...a, updatedAt: 9 }, b]).running).toEqual(layoutOf([a, b]).running)
  })
  it('count as changed when new or in another section', () => {
    const before = layoutOf([item('a', 'queued'), item('b', 'running')])
    const after = layoutOf([item('a', 'running'), item('b', 'running'), item('c', 'queued')])
    expect(movedCount(before, after)).toBe(2)
    expect(movedCount(after, after)).toBe(0)
  })
  it('never go back to what an older event says', () => {
    const row = item('a', 'done', { updatedAt: 20 })
    expect(newer(row, item('a', 'running', { updatedAt: 10 }))).toBe(row)
    expect(newer(row, item('a', 'queued', { updatedAt: 20 })).status).toBe('queued')
  })
  it('take a task only from an event that carries one', () => {
    expect(taskIn(event(1000, 'task.done', { task: item('a', 'done') }))?.id).toBe('a')
    expect(taskIn(event(1000, 'task.done'))).toBeNull()
    expect(taskIn(event(1000, 'run.ended', { task: item('a', 'done') }))).toBeNull()
  })
})

describe('the live line', () => {
  const delta = (kind: StreamPart['kind'], text: string) => ({ taskId: 't', sessionId: 's', kind, text })
  it('joins what is of one kind and begins anew with another', () => {
    let parts = joinDelta([], delta('text', 'Hel'))
    parts = joinDelta(parts, delta('text', 'lo'))
    parts = joinDelta(parts, delta('tool', 'write'))
    expect(parts).toEqual([
      { kind: 'text', text: 'Hello' },
      { kind: 'tool', text: 'write' },
    ])
    expect(lineOfStream(parts)).toEqual({ kind: 'tool', text: 'write' })
  })
  it('forgets the oldest text rather than grow without end', () => {
    let parts: StreamPart[] = []
    for (let i = 0; i < 50; i++) parts = joinDelta(parts, delta(i % 2 ? 'text' : 'tool', 'x'.repeat(1000)))
    expect(parts.reduce((sum, part) => sum + part.text.length, 0)).toBe(streamCharsMax)
  })
  it.each([
    ['tool.started', { name: 'read', summary: 'README.md' }, 'read README.md'],
    ['check.finished', { outcome: 'fail', title: 'file: a' }, 'fail: file: a'],
    ['attempt.started', { number: 2 }, 'attempt 2 begins'],
  ] as const)('says %s in words', (type, data, text) => {
    expect(lineOfEvent(event(1000, type, data))?.text).toBe(text)
  })
  it('stays as it is for an event that says nothing new', () => {
    expect(lineOfEvent(event(1000, 'usage.recorded'))).toBeNull()
  })
})

it('an event says where its task came from, if it is a place that is counted', () => {
  expect(fromIn(event(1, 'task.running', { from: 'waiting' }))).toBe('waiting')
  expect(fromIn(event(2, 'task.running', { from: 'the moon' }))).toBeNull()
  expect(fromIn(event(3, 'task.updated', {}))).toBeNull()
})
