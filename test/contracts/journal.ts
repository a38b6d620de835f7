/** What every Journal promises: order, exact values, one session of a task. The real store passes the same suite. */
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Journal, JournalEntry, SessionRecord } from '../../src/core/session.ts'

export interface JournalWorld {
  journal: Journal
  /** The same data opened anew, as after a restart; absent where nothing outlives the object. */
  reopen?: () => Journal
  close(): void
}

const session = (id: string, more: Partial<SessionRecord> = {}): SessionRecord => ({
  id,
  runtime: 'builtin',
  title: 'Fix the build',
  workspace: '/srv/project',
  taskId: null,
  agent: null,
  model: null,
  createdAt: 1_767_600_000_000,
  ...more,
})

const rows: JournalEntry[] = [
  { type: 'prompt', promptId: 'p1', text: 'Fülle „README“ 🙂\n\u0001' },
  { type: 'run.started', runId: 'r1', promptId: 'p1', resumed: false, model: 'm', provider: 'local' },
  {
    type: 'assistant',
    runId: 'r1',
    text: '',
    reasoning: 'think',
    calls: [{ id: 'c1', name: 'read', argumentsText: '{"file_path": broken' }],
    finish: 'tool_calls',
  },
  { type: 'tool.started', runId: 'r1', callId: 'c1', readOnly: false },
  { type: 'tool.ended', runId: 'r1', callId: 'c1', ok: false, output: 'no', facts: { exitCode: 3, list: ['a'] } },
  { type: 'note', runId: 'r1', text: 'go on' },
  { type: 'run.ended', runId: 'r1', reason: 'provider_error', text: '', problem: { kind: 'k', text: 't', todo: 'd' } },
]

export function journalContract(name: string, open: () => JournalWorld): void {
  const world = () => {
    const opened = open()
    onTestFinished(() => opened.close())
    return opened
  }

  describe(`journal: ${name}`, () => {
    it('gives back every kind of row exactly, in order, with growing seq', () => {
      const { journal, reopen } = world()
      journal.createSession(session('s1'))
      const [first, ...rest] = rows
      const stored = [...(first ? journal.append('s1', first) : []), ...journal.append('s1', ...rest)]
      for (const view of [journal, ...(reopen ? [reopen()] : [])]) {
        expect(view.entries('s1')).toEqual(stored)
        expect(view.entries('s1').map((row) => row.entry)).toEqual(rows)
      }
      const seqs = stored.map((row) => row.seq)
      expect([...new Set(seqs)].sort((a, b) => a - b)).toEqual(seqs)
    })

    it('keeps sessions apart', () => {
      const { journal } = world()
      journal.createSession(session('s1'))
      journal.createSession(session('s2'))
      journal.append('s1', { type: 'prompt', promptId: 'p', text: 'one' })
      journal.append('s2', { type: 'prompt', promptId: 'p', text: 'two' })
      expect(journal.entries('s2').map((row) => row.entry)).toEqual([{ type: 'prompt', promptId: 'p', text: 'two' }])
    })

    it('finds a session by id and the newest one by task', () => {
      const { journal } = world()
      const older = session('s1', { taskId: 't1', agent: 'plan', model: 'local/m', createdAt: 1 })
      const newer = session('s2', { taskId: 't1', createdAt: 2 })
      journal.createSession(older)
      journal.createSession(newer)
      expect(journal.session('s1')).toEqual(older)
      expect(journal.sessionOfTask('t1')).toEqual(newer)
      expect(journal.session('nobody')).toBeNull()
      expect(journal.sessionOfTask('nobody')).toBeNull()
      expect(journal.entries('nobody')).toEqual([])
    })

    it('takes a second session of one id, or a row without a session, for a bug', () => {
      const { journal } = world()
      journal.createSession(session('s1'))
      expect(() => journal.createSession(session('s1'))).toThrow()
      expect(() => journal.append('s9', { type: 'prompt', promptId: 'p', text: '' })).toThrow()
    })
  })
}
