/** Texts that answer what a session asks, or take a session over: by file and by webhook, once, and across a crash. */
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { describeCheck } from '../../src/checks/index.ts'
import { grammar } from '../../src/config.ts'
import { systemClock } from '../../src/core/clock.ts'
import { ok } from '../../src/core/problem.ts'
import { type Origin, type Source, sources } from '../../src/core/task.ts'
import { InboxDirectory } from '../../src/inbox/directory.ts'
import { Intake } from '../../src/inbox/intake.ts'
import { makeParser } from '../../src/inbox/parser.ts'
import type { SourcePolicy } from '../../src/inbox/policy.ts'
import { InboxWays } from '../../src/inbox/ways.ts'
import { watchWorld } from '../fakes/watch-world.ts'

function made({ answers = true } = {}) {
  const w = watchWorld()
  const inbox = realpathSync(mkdtempSync(join(tmpdir(), 'loom-ways-')))
  onTestFinished(() => rmSync(inbox, { recursive: true }))
  const policy: SourcePolicy = {
    ...{ workspaceRoots: [inbox], runtimes: [], commands: 'any', autoAccept: true, answers, limits: {} },
  }
  const policies = Object.fromEntries(sources.map((source) => [source, policy])) as Record<Source, SourcePolicy>
  const defaults = { workspace: inbox, runtime: 'hand', checks: [], limits: {}, checkIntervalMinutes: 5 }
  const rest = {
    defaults,
    namedChecks: {},
    checkers: [],
    runtimes: ['hand'],
    drillDir: '/nowhere',
    sessionOf: () => null,
  }
  const takenOver: string[] = []
  const ways = new InboxWays({
    intake: new Intake(w.store.tasks, { policies, home: '/home/somebody', base: inbox, ...rest }),
    arrivals: w.store.tasks,
    grammar,
    describeCheck,
    inboxDir: inbox,
    parseMarkdown: makeParser(grammar, systemClock),
    answer: (ask, reply) => w.desk.answerWritten(ask, reply),
    async takeOver(sessionId) {
      takenOver.push(sessionId)
      return ok(undefined)
    },
    note: (type, data) => void w.store.ledger.note({ type, data }),
    accepted: () => undefined,
  })
  w.watch.session('ses_1')
  w.watch.permission('per_1', 'ses_1')
  return { ...w, ways, inbox, takenOver }
}

const webhook = (externalId: string, bodySha256 = externalId): Origin => ({
  ...{ source: 'webhook', externalId, bodySha256 },
})

describe('a webhook', () => {
  it('approves, and the same request again is the same answer', async () => {
    const w = made()
    const first = await w.ways.submitText('approve: per_1', webhook('k'))
    expect(first).toEqual({ kind: 'obeyed', order: 'answer', id: 'per_1', text: 'Answered: per_1.' })
    expect(await w.ways.submitText('approve: per_1', webhook('k'))).toEqual(first)
    expect(await w.ways.submitText('approve: per_1', webhook('another'))).toEqual(first)
    expect(w.watch.answers).toHaveLength(1)
    expect(w.store.tasks.page({ limit: 5 }).items).toEqual([])
    expect(await w.ways.submitText('deny: per_1', webhook('k', 'other'))).toMatchObject({ kind: 'conflict' })
    expect(await w.ways.submitText('deny: per_1', webhook('third'))).toMatchObject({
      problems: [{ kind: 'already-answered' }],
    })
    expect(w.events('intake.refused')).toHaveLength(1)
  })

  it('may be kept from deciding about sessions', async () => {
    const w = made({ answers: false })
    expect(await w.ways.submitText('approve: per_1', webhook('a'))).toMatchObject({
      problems: [{ kind: 'answers-not-allowed' }],
    })
    expect(w.watch.answers).toEqual([])
    expect(await w.ways.submitText('session: ses_1\nabort: true', webhook('b'))).toMatchObject({
      problems: [{ kind: 'answers-not-allowed' }],
    })
    expect(w.takenOver).toEqual([])
  })

  it('takes over once for one key', async () => {
    const w = made()
    for (const key of ['a', 'a', 'b']) await w.ways.submitText('session: ses_1\nabort: true', webhook(key))
    expect(w.takenOver).toEqual(['ses_1', 'ses_1'])
  })
})

describe('a file of the inbox', () => {
  const opened = async (
    w: ReturnType<typeof made>,
    take = (file: Parameters<typeof w.ways.take>[0]) => w.ways.take(file),
  ) => {
    const directory = new InboxDirectory({
      dir: w.inbox,
      clock: systemClock,
      sweepMs: 60_000,
      quietMs: 10,
      take,
      changed: (taskId, file) => w.ways.changed(taskId, file),
      alarm: () => undefined,
    })
    await directory.open()
    onTestFinished(() => directory.close())
  }
  const names = (w: ReturnType<typeof made>) => readdirSync(w.inbox).sort()

  it('answers, and is put away under the id of what it answered', async () => {
    const w = made()
    writeFileSync(join(w.inbox, 'yes.md'), 'approve: per_1\nalways: true\n')
    await opened(w)
    await vi.waitFor(() => expect(names(w)).toEqual(['processed-per_1-yes.md']), 5_000)
    expect(w.store.asks.get({ runtime: 'hand', id: 'per_1' })).toMatchObject({ reply: { kind: 'always' } })
    expect(w.store.tasks.page({ limit: 5 }).items).toEqual([])
  })

  it('that answers nothing that is asked is rejected, and says why', async () => {
    const w = made()
    writeFileSync(join(w.inbox, 'no.md'), 'deny: per_9\n')
    await opened(w)
    const rejected = () => names(w).filter((name) => name.startsWith('rejected-'))
    await vi.waitFor(() => expect(rejected()).toHaveLength(2), 5_000)
    const page = names(w).find((name) => name.endsWith('.problems.md')) ?? ''
    expect(names(w)).toEqual(rejected())
    expect(readFileSync(join(w.inbox, page), 'utf8')).toContain('Nothing is asked under the id per_9.')
    expect(w.events('inbox.rejected')).toHaveLength(1)
  })

  it('whose take-over was done before a crash is only put away by the next start', async () => {
    const w = made()
    writeFileSync(join(w.inbox, 'stop.md'), 'session: ses_1\nabort: true\n')
    let crashed = false
    await opened(w, async (file) => {
      const outcome = await w.ways.take(file)
      if (crashed) return outcome
      crashed = true
      return w.ways.take(file)
    })
    await vi.waitFor(() => expect(names(w)).toEqual(['processed-ses_1-stop.md']), 5_000)
    expect(w.takenOver).toEqual(['ses_1'])
  })
})

it('says that a file cannot be looked at, and does not take it for one that is missing', async () => {
  const { ways, inbox } = made()
  const problemOf = async (name: string) => {
    const outcome = await ways.submitInboxFile(join(inbox, name))
    return outcome.kind === 'refused' ? outcome.problems[0]?.kind : outcome.kind
  }
  expect(await problemOf('missing.md')).toBe('file-missing')
  expect(await problemOf(`${'x'.repeat(300)}.md`)).toBe('file-unreadable')
})
