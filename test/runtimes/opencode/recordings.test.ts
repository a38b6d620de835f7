/** What was recorded of the real server, read by the dialect, the board and the state: each scenario as it was. */
import { describe, expect, it } from 'vitest'
import type { SessionFact, SessionState } from '../../../src/core/session.ts'
import { Board } from '../../../src/runtimes/opencode/board.ts'
import { Connection } from '../../../src/runtimes/opencode/connection.ts'
import { stateOf } from '../../../src/runtimes/opencode/state.ts'
import { DialectV1 } from '../../../src/runtimes/opencode/v1.ts'
import { entryOf, entryShape, permissionOf, permissionShape } from '../../../src/runtimes/opencode/wire-v1.ts'
import { HandClock } from '../../fakes/clock.ts'
import { eventsOf, readRecording } from '../../fakes/recording.ts'

const dialect = new DialectV1(new Connection({ url: 'http://127.0.0.1:9', username: '', password: '' }))
const sessionId = 'ses_0001'

function replay(name: string) {
  const facts: SessionFact[] = []
  const recording = readRecording(name)
  const board = new Board(new HandClock(), {
    fact: (fact) => facts.push(fact),
    changed: () => undefined,
    delta: () => undefined,
  })
  for (const event of eventsOf(recording)) {
    const read = dialect.parse(JSON.stringify(event), false)
    if (read) board.apply(read)
  }
  const words = facts.flatMap((fact) => (fact.kind === 'state' && fact.sessionId === sessionId ? [fact.state] : []))
  return { recording, board, facts, words }
}

/** The state at a recorded moment: statuses, asks and messages as the server answered them then. */
function stateAt(name: string, moment: string): SessionState {
  const { recording, board } = replay(name)
  const snapshot = recording.moments[moment] ?? {}
  const messages = entryShape.array().parse(snapshot[`/session/${sessionId}/message`])
  const known = board.sessions.get(sessionId)
  if (!known) throw new Error(`no session in ${name}`)
  board.putEntries(known, messages.map(entryOf), true)
  const busy = sessionId in (snapshot['/session/status'] as object)
  return stateOf({
    statuses: [busy ? { kind: 'busy' } : { kind: 'idle' }],
    asks: [],
    tool: busy ? (known.tool?.name ?? null) : null,
    turn: known.turn ?? { user: null, answer: null, text: '', whole: true },
    promptId: 't1.1',
    error: known.error,
    aborted: false,
    expected: false,
  })
}

const idle = (complete: boolean) => expect.objectContaining({ kind: 'idle', promptId: 't1.1', complete })
const failed = (transient: boolean, kind: string) =>
  expect.objectContaining({ kind: 'failed', transient, problem: expect.objectContaining({ kind }) })
const interrupted = { kind: 'interrupted', promptId: 't1.1' }

describe('the last state of a recorded scenario', () => {
  it.each([
    ['text', 'done', idle(true)],
    ['reasoning', 'done', idle(true)],
    ['twenty-tools', 'done', idle(true)],
    ['printing-bash', 'done', idle(true)],
    ['empty', 'done', idle(false)],
    ['cut-off', 'done', idle(false)],
    ['permission-rejected', 'done', idle(false)],
    ['permission-rejected-with-message', 'done', idle(true)],
    ['permissions-at-once', 'done', idle(false)],
    ['refused-in-circles', 'done', idle(false)],
    ['question', 'done', idle(true)],
    ['question-in-own-words', 'done', idle(true)],
    ['bad-key', 'done', failed(false, 'model-auth')],
    ['server-errors', 'done', failed(true, 'model-error')],
    ['unknown-model', 'done', failed(false, 'agent-error')],
    ['mute-model', 'aborted', interrupted],
    ['hung-bash', 'aborted', interrupted],
    ['server-killed', 'restarted', interrupted],
    ['subagent-asks', 'done', idle(true)],
  ])('%s, %s', (name, moment, expected) => {
    expect(stateAt(name, moment)).toEqual(expected)
  })

  it('is busy while a shell hangs', () => {
    expect(stateAt('hung-bash', 'hung')).toMatchObject({ kind: 'busy' })
  })
})

describe('the way there, as events told it', () => {
  it.each([
    ['text', ['busy', 'idle']],
    ['permission-once', ['busy', 'waiting', 'busy', 'idle']],
    ['question', ['busy', 'waiting', 'busy', 'idle']],
    ['rate-limit', ['busy', 'retrying', 'busy', 'idle']],
    // A permission that a subagent waits for is its root's.
    ['subagent-asks', ['busy', 'waiting', 'busy', 'idle']],
  ])('%s', (name, expected) => {
    expect(replay(name).words).toEqual(expected)
  })

  it('tells an ask with the directory that its answer must go to', () => {
    const asks = replay('permission-elsewhere').facts.flatMap((fact) => (fact.kind === 'ask' ? [fact.ask.scope] : []))
    expect(asks).toEqual(['/srv/app'])
  })

  it('leaves no ask behind when a turn is aborted, though the server goes on listing it', () => {
    const { recording, board } = replay('ghost-permission')
    expect(recording.moments.ghost?.['/permission']).toHaveLength(1)
    board.replaceStatuses('/srv/app', new Map())
    board.replaceAsks('/srv/app', [])
    expect([...(board.sessions.get(sessionId)?.asks ?? [])]).toEqual([])
  })

  it.each(['that saw the turn', 'that came later'])(
    'leaves no ask behind while the next turn runs: a board %s',
    (who) => {
      const { recording, ...live } = replay('ghost-permission')
      const ghost = recording.moments.ghost ?? {}
      const listed = permissionShape.array().parse(ghost['/permission'])
      const board = who === 'that saw the turn' ? live.board : replay('text').board
      const known = board.sessions.get(sessionId)
      if (!known) throw new Error('no session')
      board.replaceStatuses(known.session.workspace, new Map([[sessionId, { kind: 'busy' }]]))
      board.replaceAsks(
        known.session.workspace,
        listed.map((one) => permissionOf(one, known.session.workspace)),
      )
      board.putEntries(known, entryShape.array().parse(ghost[`/session/${sessionId}/message`]).map(entryOf), true)
      expect([...known.asks]).toEqual([])
    },
  )

  it('counts each message once, with its figures', () => {
    const usage = replay('twenty-tools').facts.flatMap((fact) => (fact.kind === 'usage' ? [fact] : []))
    const messages = new Set(usage.map((fact) => fact.messageId))
    expect(messages.size).toBe(5)
    for (const { usage: figures } of usage) expect(figures.input).toBeGreaterThan(0)
  })
})
