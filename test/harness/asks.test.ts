import { describe, expect, it } from 'vitest'
import type { Ask } from '../../src/core/ask.ts'
import { answersSettle, watchWorld } from '../fakes/watch-world.ts'

const key = (id: string) => ({ runtime: 'hand', id })
const once = { kind: 'once' } as const
const no = { kind: 'reject', message: null } as const

describe('an ask', () => {
  it('is told once, with all a person needs, however often it is reported', async () => {
    const w = watchWorld()
    w.watch.session('ses_1', { title: 'Fix the parser' })
    const task = w.task('ses_1')
    for (let n = 0; n < 3; n++) w.watch.permission('per_1', 'ses_1', { patterns: ['rm -rf dist'] })
    await answersSettle()
    const [event, ...more] = w.events('ask.raised')
    expect(more).toEqual([])
    expect(event).toMatchObject({ taskId: task.id, sessionId: 'ses_1' })
    expect(event?.data).toMatchObject({
      summary: '"Fix the parser" wants to: bash rm -rf dist',
      permission: 'bash',
      patterns: ['rm -rf dist'],
      always: ['bash *'],
      workspace: '/work',
      title: 'Fix the parser',
    })
    expect(w.store.asks.get(key('per_1'))).toMatchObject({ status: 'open', reply: null, taskId: task.id })
    expect(w.watch.answers).toEqual([])
  })

  it('of a subagent belongs to the task of the session at the top, whose title is told', async () => {
    const w = watchWorld()
    w.watch.session('ses_root', { title: 'The whole' })
    w.watch.session('ses_sub', { parentId: 'ses_root' })
    w.watch.session('ses_subsub', { parentId: 'ses_sub' })
    const task = w.task('ses_root')
    w.watch.permission('per_1', 'ses_subsub')
    expect(w.store.asks.get(key('per_1'))).toMatchObject({ rootId: 'ses_root', taskId: task.id })
    expect(w.events('ask.raised')[0]?.data.title).toBe('The whole')
  })

  it('that comes before its session is placed, and judged, when the session is told', async () => {
    const w = watchWorld()
    const task = w.task('ses_root', { auto_accept: ['bash git *'] })
    w.watch.permission('per_1', 'ses_sub')
    expect(w.store.asks.get(key('per_1'))).toMatchObject({ rootId: 'ses_sub', taskId: null })
    w.watch.session('ses_root')
    w.watch.session('ses_sub', { parentId: 'ses_root' })
    await w.written()
    expect(w.watch.answers).toMatchObject([{ id: 'per_1', sessionId: 'ses_sub', scope: '/work', reply: once }])
    expect(w.store.asks.get(key('per_1'))).toMatchObject({ by: 'task', status: 'answered', taskId: task.id })
  })

  it('that its runtime takes back is gone, and open again when it comes back', () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    w.watch.permission('per_1', 'ses_1')
    w.watch.tell({ kind: 'ask.ended', askId: 'per_1' })
    expect(w.store.asks.get(key('per_1'))?.status).toBe('gone')
    expect(w.events('ask.ended')).toHaveLength(1)
    w.watch.permission('per_1', 'ses_1')
    expect(w.store.asks.get(key('per_1'))).toMatchObject({ status: 'open', endedAt: null })
    expect(w.events('ask.raised')).toHaveLength(2)
  })

  it('of a session that vanishes is gone', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    w.watch.permission('per_1', 'ses_1')
    w.watch.tell({ kind: 'vanished', sessionId: 'ses_1' })
    await w.written()
    expect(w.store.asks.get(key('per_1'))?.status).toBe('gone')
  })

  it('that is not told any more after a restart is gone once the runtime has told all it knows', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    w.watch.permission('per_old', 'ses_1')
    w.watch.permission('per_still', 'ses_1')
    w.reborn()
    w.watch.session('ses_1')
    w.watch.permission('per_still', 'ses_1')
    await w.clock.advance(10_000)
    expect(w.store.asks.list({ status: 'open', limit: 10 }).map((ask) => ask.id)).toEqual(['per_still'])
    expect(w.store.asks.get(key('per_old'))?.status).toBe('gone')
  })

  it('stays open while its server is down from the start', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    w.watch.permission('per_1', 'ses_1')
    w.reborn()
    await w.clock.advance(3_600_000)
    expect(w.store.asks.get(key('per_1'))?.status).toBe('open')
  })
})

describe('a person', () => {
  it('answers with once, and the wire gets it with the scope', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    w.watch.permission('per_1', 'ses_1')
    const result = await w.desk.answer(key('per_1'), once)
    expect(result).toMatchObject({ ok: true, value: { status: 'answered', by: 'person' } })
    expect(w.watch.answers).toEqual([{ id: 'per_1', sessionId: 'ses_1', scope: '/work', reply: once }])
    expect(w.events('ask.answered')[0]?.data).toMatchObject({
      reply: 'once',
      by: 'person',
      summary: 'allowed once by a person: bash git status',
    })
  })

  it('says always: the wire hears once, and exactly that is never asked about again', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    w.watch.session('ses_else', { workspace: '/elsewhere' })
    w.watch.permission('per_1', 'ses_1', { patterns: ['npm test', 'npm run build'] })
    await w.desk.answer(key('per_1'), { kind: 'always' })
    expect(w.watch.answers.at(-1)?.reply).toEqual(once)
    const granted = w.store.asks.grants(10).map((grant) => `${grant.workspace} ${grant.permission} ${grant.pattern}`)
    expect(granted.sort()).toEqual(['/work bash npm run build', '/work bash npm test'])
    expect(w.events('grant.added')).toHaveLength(2)
    w.watch.permission('per_same', 'ses_1', { patterns: ['npm test'] })
    w.watch.permission('per_more', 'ses_1', { patterns: ['npm test', 'rm -rf /'] })
    w.watch.permission('per_else', 'ses_else', { patterns: ['npm test'] })
    w.watch.permission('per_none', 'ses_1', { patterns: [] })
    w.watch.permission('per_edit', 'ses_1', { permission: 'edit', patterns: ['npm test'] })
    await answersSettle()
    expect(w.store.asks.get(key('per_same'))).toMatchObject({ status: 'answered', by: 'rule' })
    const open = w.store.asks.list({ status: 'open', limit: 10 }).map((ask) => ask.id)
    expect(open).toEqual(['per_edit', 'per_else', 'per_more', 'per_none'])
    expect(w.events('ask.raised').map((event) => event.data.askId)).not.toContain('per_same')
  })

  it('who says always answers what waits for the same elsewhere in the folder', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    w.watch.session('ses_2')
    w.watch.permission('per_1', 'ses_1')
    w.watch.permission('per_2', 'ses_2')
    await w.desk.answer(key('per_1'), { kind: 'always' })
    await answersSettle()
    expect(w.store.asks.get(key('per_2'))).toMatchObject({ status: 'answered', by: 'rule' })
  })

  it('revokes, and is asked again', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    w.watch.permission('per_1', 'ses_1')
    await w.desk.answer(key('per_1'), { kind: 'always' })
    const [grant] = w.store.asks.grants(1)
    expect(w.desk.revoke(grant?.id ?? '').ok).toBe(true)
    expect(w.events('grant.revoked')).toHaveLength(1)
    w.watch.permission('per_2', 'ses_1')
    expect(w.store.asks.get(key('per_2'))?.status).toBe('open')
    expect(w.desk.revoke(grant?.id ?? '').ok).toBe(false)
  })

  it('cannot say always to what is too long to be read', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    w.watch.permission('per_1', 'ses_1', { patterns: [`echo ${'a'.repeat(20_000)}`] })
    expect(await w.desk.answer(key('per_1'), { kind: 'always' })).toMatchObject({ problems: [{ kind: 'too-long' }] })
    expect((await w.desk.answer(key('per_1'), once)).ok).toBe(true)
  })

  it('who answers second is told who was first; the same again is the same answer', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    w.watch.permission('per_1', 'ses_1')
    const both = await Promise.all([w.desk.answer(key('per_1'), once), w.desk.answer(key('per_1'), no)])
    expect(both[0].ok).toBe(true)
    expect(both[1]).toMatchObject({
      problems: [{ kind: 'already-answered', text: 'It was allowed once already, by a person.' }],
    })
    expect((await w.desk.answer(key('per_1'), once)).ok).toBe(true)
    expect(w.watch.answers).toHaveLength(1)
  })

  it('hears why the runtime refuses, and the ask is still open', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    w.watch.permission('per_1', 'ses_1')
    w.watch.refuseAnswer = { kind: 'server-down', text: 'Nobody listens.' }
    const refused = await w.desk.answer(key('per_1'), { kind: 'always' })
    expect(refused).toMatchObject({ problems: [{ kind: 'server-down' }] })
    expect(w.store.asks.get(key('per_1'))).toMatchObject({ status: 'open', reply: null, by: null })
    expect(w.store.asks.grants(10)).toEqual([])
    w.watch.refuseAnswer = null
    expect((await w.desk.answer(key('per_1'), no)).ok).toBe(true)
  })

  it('whose answer comes too late learns that nobody waits', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    w.watch.permission('per_1', 'ses_1')
    let arrive: () => void = () => undefined
    w.watch.holdAnswer = new Promise((resolve) => {
      arrive = resolve
    })
    w.watch.refuseAnswer = { kind: 'unknown', text: 'No such request.' }
    const answer = w.desk.answer(key('per_1'), once)
    w.watch.tell({ kind: 'ask.ended', askId: 'per_1' })
    arrive()
    expect((await answer).ok).toBe(false)
    expect(w.store.asks.get(key('per_1'))?.status).toBe('gone')
    expect(await w.desk.answer(key('per_1'), no)).toMatchObject({ problems: [{ kind: 'ask-gone' }] })
  })
})

const question = { header: 'Colour', text: 'Which colour?', multiple: false }
const options = [
  { label: 'Red', description: 'like fire' },
  { label: 'Blue', description: '' },
]
const ask = (w: ReturnType<typeof watchWorld>, questions: Extract<Ask['request'], { kind: 'question' }>['questions']) =>
  w.watch.tell({
    kind: 'ask',
    ask: { id: 'que_1', sessionId: 'ses_1', scope: '/work', request: { kind: 'question', questions } },
  })

describe('a question', () => {
  it('is never answered unasked, whatever the task accepts', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    w.task('ses_1', { auto_accept: true })
    ask(w, [{ ...question, options }])
    await answersSettle()
    expect(w.watch.answers).toEqual([])
    expect(w.events('ask.raised')[0]?.data.questions).toEqual([
      { header: 'Colour', text: 'Which colour?', options: ['Red', 'Blue'] },
    ])
  })

  it('takes a label in any case, or own words', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    ask(w, [
      { ...question, options },
      { ...question, text: 'Why?', options },
    ])
    await w.desk.answerWritten('que_', { kind: 'answers', texts: ['red', 'Because it burns, mostly.'] })
    expect(w.watch.answers[0]?.reply).toEqual({
      kind: 'answers',
      answers: [['Red'], ['Because it burns, mostly.']],
    })
  })

  it('takes several labels only when it allows several, and finds the slip among them', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    ask(w, [{ ...question, options, multiple: true }])
    const slip = await w.desk.answerWritten('que_1', { kind: 'answers', texts: ['red, bleu'] })
    expect(slip).toMatchObject({ problems: [{ kind: 'unknown-choice', todo: 'Choose of: Red · Blue.' }] })
    await w.desk.answerWritten('que_1', { kind: 'answers', texts: ['red, Blue'] })
    expect(w.watch.answers[0]?.reply).toEqual({ kind: 'answers', answers: [['Red', 'Blue']] })
  })

  it.each([
    ['too few answers', [], 'wrong-number-of-answers'],
    ['an empty one', [['']], 'no-answer'],
    ['none', [[]], 'no-answer'],
    ['two where one is asked for', [['Red', 'Blue']], 'too-many-answers'],
  ])('refuses %s', async (_, answers, kind) => {
    const w = watchWorld()
    w.watch.session('ses_1')
    ask(w, [{ ...question, options }])
    expect(await w.desk.answer({ runtime: 'hand', id: 'que_1' }, { kind: 'answers', answers })).toMatchObject({
      problems: [{ kind }],
    })
    expect(w.watch.answers).toEqual([])
  })

  it('is no permission, and a permission is no question', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    ask(w, [{ ...question, options }])
    w.watch.permission('per_1', 'ses_1')
    expect(await w.desk.answer(key('que_1'), once)).toMatchObject({ problems: [{ kind: 'not-a-permission' }] })
    const answers = { kind: 'answers', answers: [['yes']] } as const
    expect(await w.desk.answer(key('per_1'), { ...answers, answers: [['yes']] })).toMatchObject({
      problems: [{ kind: 'not-a-question' }],
    })
  })
})

describe('auto_accept', () => {
  it('answers what it covers with once, and tells nobody', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    w.task('ses_1', { auto_accept: ['bash git *'] })
    w.watch.permission('per_1', 'ses_1', { patterns: ['git status'] })
    w.watch.permission('per_2', 'ses_1', { patterns: ['git status; rm -rf /'] })
    await answersSettle()
    expect(w.watch.answers).toMatchObject([{ id: 'per_1', reply: once }])
    expect(w.store.asks.get(key('per_1'))?.by).toBe('task')
    expect(w.events('ask.raised').map((event) => event.data.askId)).toEqual(['per_2'])
  })

  it('is not lent to a session that only carries the mark of a task', async () => {
    const w = watchWorld()
    const task = w.task('ses_own', { auto_accept: true })
    w.watch.session('ses_forged', { taskId: task.id })
    w.watch.permission('per_1', 'ses_forged')
    await answersSettle()
    expect(w.watch.answers).toEqual([])
  })

  it('that the runtime refuses becomes a matter for a person', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    w.task('ses_1', { auto_accept: true })
    w.watch.refuseAnswer = { kind: 'no', text: 'No.' }
    w.watch.permission('per_1', 'ses_1')
    await answersSettle()
    expect(w.events('ask.raised')).toHaveLength(1)
    for (let n = 0; n < 20; n++) {
      w.watch.permission('per_1', 'ses_1')
      await answersSettle()
    }
    expect(w.watch.answers.length).toBeLessThan(10)
    w.watch.refuseAnswer = null
    expect((await w.desk.answer(key('per_1'), once)).ok).toBe(true)
  })
})

describe('a deadline', () => {
  it('denies with a reason, and never before', async () => {
    const w = watchWorld({ deadlineMinutes: 60 })
    w.watch.session('ses_1')
    w.task('ses_1', { ask_deadline_minutes: 10 })
    w.watch.permission('per_1', 'ses_1')
    w.watch.session('ses_2')
    w.watch.permission('per_2', 'ses_2')
    await w.clock.advance(9 * 60_000)
    expect(w.watch.answers).toEqual([])
    await w.clock.advance(61_000)
    expect(w.watch.answers).toMatchObject([{ id: 'per_1', reply: { kind: 'reject' } }])
    expect(w.watch.answers[0]?.reply).toMatchObject({ message: expect.stringContaining('within 10 minutes') })
    expect(w.store.asks.get(key('per_1'))).toMatchObject({ status: 'answered', by: 'deadline' })
    await w.clock.advance(50 * 60_000)
    expect(w.watch.answers.map((answer) => answer.id)).toEqual(['per_1', 'per_2'])
  })

  it('is none by default: the ask waits', async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    w.watch.permission('per_1', 'ses_1')
    await w.clock.advance(7 * 24 * 3_600_000)
    expect(w.store.asks.get(key('per_1'))?.status).toBe('open')
  })

  it('counts from the first asking, over a restart', async () => {
    const w = watchWorld({ deadlineMinutes: 10 })
    w.watch.session('ses_1')
    w.watch.permission('per_1', 'ses_1')
    await w.clock.advance(8 * 60_000)
    w.desk.close()
    w.reborn()
    w.watch.session('ses_1')
    w.watch.permission('per_1', 'ses_1')
    await w.clock.advance(2 * 60_000 + 1_000)
    expect(w.watch.answers).toMatchObject([{ id: 'per_1', reply: { kind: 'reject' } }])
  })
})

describe('a kill between storing an answer and sending it', () => {
  const killed = async () => {
    const w = watchWorld()
    w.watch.session('ses_1')
    w.watch.permission('per_1', 'ses_1')
    w.watch.holdAnswer = new Promise(() => undefined)
    void w.desk.answer(key('per_1'), { kind: 'always' })
    await answersSettle()
    expect(w.store.asks.get(key('per_1'))).toMatchObject({ status: 'open', reply: { kind: 'always' } })
    w.reborn()
    w.watch.session('ses_1')
    return w
  }

  it('is made good when the runtime still asks', async () => {
    const w = await killed()
    w.watch.permission('per_1', 'ses_1')
    await answersSettle()
    expect(w.watch.answers).toMatchObject([{ id: 'per_1', reply: once }])
    expect(w.store.asks.get(key('per_1'))).toMatchObject({ status: 'answered', by: 'person' })
    expect(w.store.asks.grants(10)).toHaveLength(1)
  })

  it('is taken as arrived when the runtime does not ask any more', async () => {
    const w = await killed()
    await w.clock.advance(10_000)
    expect(w.watch.answers).toEqual([])
    expect(w.store.asks.get(key('per_1'))).toMatchObject({ status: 'answered' })
    expect(w.events('ask.answered')).toHaveLength(1)
  })
})
