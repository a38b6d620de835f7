/** Tables of what cards of asks and the pages of sessions are made of. */
import { describe, expect, it } from 'vitest'
import {
  answersOf,
  askingTasks,
  askMoves,
  detailOf,
  noChoice,
  pick,
  wishOf,
  write,
} from '../../frontend/src/model/asks.ts'
import { diffLines, patchLines } from '../../frontend/src/model/diff.ts'
import { cost } from '../../frontend/src/model/format.ts'
import { messageHref, parseRoute, sessionHref, sessionsHref } from '../../frontend/src/model/routes.ts'
import { sessionLook, shareOf } from '../../frontend/src/model/words.ts'
import type { AskItem } from '../../src/server/api.ts'
import { event } from './events.ts'

const one = { header: '', text: 'Which?', multiple: false, options: [] }
const many = { ...one, multiple: true }
const permission = { kind: 'permission', permission: 'bash', patterns: ['ls'], always: [], detail: 'ls' } as const

describe('a choice', () => {
  it('of one question is one: another pick replaces it, the same takes it back, own words replace it', () => {
    const red = pick(one, noChoice(), 'Red')
    expect(pick(one, red, 'Blue').picked).toEqual(['Blue'])
    expect(pick(one, red, 'Red').picked).toEqual([])
    expect(answersOf([write(one, red, ' my own ')])).toEqual([['my own']])
  })
  it('of several stands beside own words', () => {
    const both = write(many, pick(many, pick(many, noChoice(), 'Red'), 'Blue'), 'and more')
    expect(answersOf([both])).toEqual([['Red', 'Blue', 'and more']])
    expect(pick(many, both, 'Red').picked).toEqual(['Blue'])
  })
  it('is nothing until every question has one', () => {
    expect(answersOf([noChoice(), pick(one, noChoice(), 'Red')])).toBeNull()
    expect(answersOf([write(one, noChoice(), '   ')])).toBeNull()
  })
})

describe('a permission', () => {
  it('shows its detail only where it says more than the patterns', () => {
    expect(detailOf({ ...permission, patterns: ['ls'], always: [] })).toBe('')
    expect(detailOf({ ...permission, patterns: ['ls'], always: [], detail: 'ls > x' })).toBe('ls > x')
  })
  it('of an unknown kind is named as it is', () => {
    expect(wishOf({ ...permission, patterns: [], always: [], permission: 'teleport' })).toBe('wants “teleport” on')
  })
})

it('a task that waits for an open ask is told by its card; one that stands still for more has its row too', () => {
  const ask = (taskId: string | null) => ({ taskId }) as AskItem
  const open = [ask('t_waits'), ask('t_waits'), ask('t_unread'), ask('t_paused'), ask(null)]
  const rows = new Map([
    ['t_waits', { status: 'waiting' as const }],
    ['t_paused', { status: 'paused' as const }],
    ['t_failed', { status: 'failed' as const }],
  ])
  expect([...askingTasks(open, rows)]).toEqual(['t_waits', 't_unread'])
})

it('frames say which asks are over and whether there are new ones', () => {
  const frames = [
    { event: 'event' as const, data: event(1, 'ask.raised', { askId: 'a' }) },
    { event: 'event' as const, data: event(2, 'ask.answered', { askId: 'b' }) },
    { event: 'event' as const, data: event(3, 'ask.ended', { askId: 'c' }) },
    { event: 'sessions' as const, data: { ids: null } },
  ]
  expect(askMoves(frames)).toEqual({ over: ['b', 'c'], fresh: true })
  expect(askMoves(frames.slice(1))).toEqual({ over: ['b', 'c'], fresh: false })
})

describe('the look of a session', () => {
  const still = { state: 'busy', goneAt: null, stalledAt: null, asks: 0 } as const
  it('says a hang before the state, and that it is gone before all', () => {
    expect(sessionLook(still).word).toBe('busy')
    expect(sessionLook({ ...still, stalledAt: 1 })).toMatchObject({ word: 'stalled', tone: 'danger' })
    expect(sessionLook({ ...still, stalledAt: 1, goneAt: 2 }).word).toBe('gone')
    expect(sessionLook({ ...still, state: null }).word).toBe('unknown')
  })

  it('that asks says that it waits', () => {
    expect(sessionLook({ ...still, asks: 1 })).toMatchObject({ word: 'waiting', tone: 'attention' })
    expect(sessionLook({ ...still, state: 'idle', asks: 1 }).word).toBe('idle')
  })
})

it('a diff is read line by line, without its header, and what is left out is counted', () => {
  const patch = '--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n same\n'
  expect(diffLines(patch, 3)).toEqual({
    lines: [
      { kind: 'place', text: '@@ -1 +1 @@' },
      { kind: 'removed', text: '-old' },
      { kind: 'added', text: '+new' },
    ],
    left: 1,
  })
})

it('a patch that somebody is asked about is shown with every line of it', () => {
  const patch = 'rm -rf build\n@@ -1 +1 @@\n-old\n+new'
  expect(patchLines(patch)).toEqual([
    { kind: 'place', text: 'rm -rf build' },
    { kind: 'place', text: '@@ -1 +1 @@' },
    { kind: 'removed', text: '-old' },
    { kind: 'added', text: '+new' },
  ])
})

it('addresses of sessions lead there and back', () => {
  const at = (path: string) => parseRoute(new URL(path, 'http://localhost'))
  expect(at(sessionHref('ses_01AbC'))).toEqual({ name: 'session', id: 'ses_01AbC', at: null })
  expect(at(sessionsHref('a b'))).toEqual({ name: 'sessions', q: 'a b', archived: false })
  expect(at(sessionsHref('', true))).toEqual({ name: 'sessions', q: '', archived: true })
  expect(at(messageHref('ses_1', 7))).toEqual({ name: 'session', id: 'ses_1', at: '7' })
  expect(at('/sessions/a%2Fb').name).toBe('nowhere')
})

it('a cost says what is not known of it', () => {
  expect(cost({ costMicros: null, atLeast: true })).toBe('cost unknown')
  expect(cost({ costMicros: 1_234_567, atLeast: true })).toBe('cost at least 1.23')
  expect(cost({ costMicros: 1_200, atLeast: false })).toBe('cost 0.0012')
})

it('passes of checks that had passed before the work are not called proven', () => {
  const progress = { proven: 2, total: 2 }
  expect(shareOf({ progress, verdict: 'vacuous' })).toBe('2/2 passed')
  expect(shareOf({ progress, verdict: 'verified' })).toBe('2/2 proven')
})
