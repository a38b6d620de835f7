/** Scenes of sessions and of what they ask, for the browser stories. */
import { type AskRequest, isKeepable } from '../../src/core/ask.ts'
import type { TranscriptMessage, TranscriptPart } from '../../src/core/session.ts'
import type { AskItem, SessionItem } from '../../src/server/api.ts'
import type { Scene } from '../fakes/api.ts'
import { stateOf } from './scenes.ts'

const minute = 60_000

export function session(id: string, part: Partial<SessionItem> = {}): SessionItem {
  const at = Date.now() - 4 * minute
  const none = { parentId: null, taskId: null, agent: null, goneAt: null, quietSince: null, stalledAt: null }
  return {
    ...none,
    ...{ archivedAt: null, forkedFrom: null },
    ...{ id, runtime: 'opencode', title: 'Move the price table', workspace: '/home/ada/projects/shop' },
    ...{ model: 'local/qwen3-coder', createdAt: at - 60 * minute, updatedAt: at, state: 'busy', stateAt: at },
    ...{ rescues: 0, diagnosis: null, asks: 0 },
    ...part,
  }
}

export function ask(id: string, request: AskRequest, part: Partial<AskItem> = {}): AskItem {
  const askedAt = Date.now() - 3 * minute
  return {
    ...{ id, runtime: 'opencode', sessionId: 'ses_busy', rootId: 'ses_busy', taskId: null },
    ...{ workspace: '/home/ada/projects/shop', scope: '/home/ada/projects/shop', request, call: null, status: 'open' },
    ...{
      reply: null,
      by: null,
      deferred: null,
      askedAt,
      endedAt: null,
      title: 'Move the price table',
      deadlineAt: null,
    },
    keepable: isKeepable(request),
    ...part,
  }
}

export const runTests: AskRequest = {
  ...{ kind: 'permission', permission: 'bash', patterns: ['npm test -- --run prices'], always: ['npm test *'] },
  detail: 'npm test -- --run prices',
}

export const editFile: AskRequest = {
  ...{ kind: 'permission', permission: 'edit', patterns: ['src/prices.ts'], always: ['*'] },
  detail:
    '--- a/src/prices.ts\n+++ b/src/prices.ts\n@@ -1,3 +1,3 @@\n-export const vat = 0.19\n+export const vat = 0.2\n',
}

export const whichColour: AskRequest = {
  kind: 'question',
  questions: [
    {
      ...{ header: 'Currency', text: 'In which currency are the prices of the old table?', multiple: false },
      options: [
        { label: 'Euro', description: 'as in the invoices' },
        { label: 'Dollar', description: 'as in the code' },
      ],
    },
    {
      ...{ header: 'Shops', text: 'Which shops use the new table first?', multiple: true },
      options: ['Berlin', 'Paris', 'Rome'].map((label) => ({ label, description: '' })),
    },
  ],
}

const hang = 'npm install waits on port 443 of 10.0.0.7 since 6 minutes and prints nothing.'
const hostile = '<img src=x onerror="hacked=1"> \u202egpj.exe \u001b[2J \u05e9\u05dc\u05d5\u05dd'

export const say = (id: string, role: 'user' | 'assistant', ...parts: TranscriptPart[]): TranscriptMessage => ({
  ...{ id, role, at: Date.now() - 8 * minute, endedAt: Date.now() - 7 * minute },
  ...{ model: role === 'assistant' ? 'local/qwen3-coder' : null, parts, problem: null },
})

export const call = (name: string, input: string, output: string, childId: string | null = null): TranscriptPart => ({
  ...{ kind: 'tool', callId: `call-${name}`, name, input, output, state: 'completed', childId },
})

const said = (): TranscriptMessage[] => [
  say('m1', 'user', { kind: 'text', text: 'Move the price table into its own file.' }),
  say(
    'm2',
    'assistant',
    { kind: 'reasoning', text: 'The table is used by three files.' },
    { kind: 'text', text: 'I look at who uses the table, then I move it.' },
    call('grep', '{"pattern":"priceTable"}', 'src/shop.ts:4\nsrc/invoice.ts:12\nsrc/report.ts:90'),
    { ...call('bash', '{"command":"npm install"}', 'added 0 packages'), state: 'running' } as TranscriptPart,
  ),
  { ...say('m3', 'assistant', { kind: 'text', text: hostile }), problem: 'The provider answered 429.', endedAt: null },
]

const patch =
  '--- a/src/prices.ts\n+++ b/src/prices.ts\n@@ -1,2 +1,3 @@\n-const a = 1\n+const a = 2\n+const b = 3\n same\n'

export function watchedScene(): Scene {
  const now = Date.now()
  const diagnosis = { cause: 'network', text: hang, todo: 'Stop it, or wait.', guilty: null, processes: [], at: now }
  const sessions = [
    session('ses_busy', { asks: 2, state: 'waiting' }),
    session('ses_sub', { parentId: 'ses_busy', title: 'Find all users of the table' }),
    session('ses_hung', {
      ...{ title: 'Upgrade the driver', stalledAt: now - 2 * minute, updatedAt: now - 6 * minute },
      diagnosis: { ...diagnosis, cause: 'network' },
    }),
    session('ses_idle', { title: hostile, workspace: '/home/ada/projects/ledger', state: 'idle' }),
    session('ses_gone', { title: 'An old one', workspace: '/home/ada/projects/ledger', goneAt: now - minute }),
    session('ses_long', { title: 'w'.repeat(300), workspace: `/home/ada/${'deep/'.repeat(30)}end`, state: 'retrying' }),
  ]
  const asks = [
    ask('per_tests', runTests),
    ask('per_edit', editFile, { deadlineAt: now + 12 * minute }),
    ask('que_shop', whichColour, { sessionId: 'ses_idle', rootId: 'ses_idle', title: hostile }),
  ]
  const uncovered = ['What a command changed here is not known: the folder holds over 200,000 files.']
  const changed = {
    ses_busy: [{ path: 'src/prices.ts', status: 'changed' as const, additions: 2, deletions: 1, patch }],
  }
  return {
    state: stateOf([], 0),
    details: [],
    events: [],
    asks,
    sessions,
    said: { ses_busy: said() },
    changed,
    uncovered,
  }
}
