/** What our own agent asks, through the whole daemon: it waits in its place, and goes on with the answer. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import type { AskItem, AskList, GrantList } from '../../src/server/api.ts'
import { asking, bash, settings } from '../fakes/asking.ts'
import { tell } from '../fakes/story.ts'

const write = (file_path: string) => ({ tool_calls: [{ name: 'write', arguments: { file_path, content: 'x' } }] })
const until = <T>(look: () => Promise<T> | T) => vi.waitFor(look)

describe('PM-1 a path that is denied', () => {
  it('is in no search either: neither its lines nor its name', async () => {
    const search = (name: string, args: Record<string, unknown>) => ({ tool_calls: [{ name, arguments: args }] })
    const story = await tell({
      settings: 'permissions:\n  - { path: secrets/**, action: deny }\n  - { path: "*.pem", action: ask }\n',
      script: [
        search('grep', { pattern: 'word' }),
        search('glob', { pattern: '*' }),
        search('grep', { pattern: 'word', path: 'secrets' }),
        { text: 'done' },
      ],
    })
    const folder = story.workspace()
    for (const [name, text] of Object.entries({
      'a.txt': 'word',
      'secrets/b.txt': 'word b',
      'deep/key.pem': 'word c',
    })) {
      mkdirSync(join(folder, name, '..'), { recursive: true })
      writeFileSync(join(folder, name), text)
    }
    story.drop('work.md', `---\nworkspace: ${folder}\nmax_attempts: 1\n---\n\nDo it.\n`)
    const body = await until(() => {
      const last = story.requests.at(-1)?.body as { messages: { role: string; content: string }[] } | undefined
      expect(last?.messages.filter(({ role }) => role === 'tool')).toHaveLength(3)
      return last
    })
    const [lines, names, direct] = body?.messages.filter(({ role }) => role === 'tool').map((one) => one.content) ?? []
    expect(lines).toBe('a.txt:1:word')
    expect(names).toBe('a.txt')
    expect(direct).toContain('Not permitted')
  })
})

describe('PM-3 an ask of our own agent', () => {
  it('makes the task wait, and allowed once it is asked again', async () => {
    const a = await asking([bash('echo 1 > made'), bash('echo 1 > made'), { text: 'done' }])
    const first = await a.open()
    expect(first).toMatchObject({
      runtime: 'builtin',
      workspace: a.folder,
      request: { permission: 'bash', patterns: ['echo 1 > made'] },
    })
    await a.story.reaches('waiting')
    // Nobody has said for how long: no wait is without an end.
    expect(first.deadlineAt).toBe(first.askedAt + 3 * 24 * 3_600_000)
    expect(existsSync(join(a.folder, 'made'))).toBe(false)
    expect((await a.answer(first, { reply: 'once' })).status).toBe(200)
    const second = await until(async () => {
      const ask = await a.open()
      expect(ask.id).not.toBe(first.id)
      return ask
    })
    expect(existsSync(join(a.folder, 'made'))).toBe(true)
    await a.answer(second, { reply: 'once' })
    await a.story.reaches('done')
    const decided = a.story.daemon.store.events.after(0, 1_000).filter(isDecision)
    expect(decided.map(({ data }) => data.decision)).toEqual(['allow', 'allow'])
  })

  it('"always" on npm test allows neither npm publish nor a line that begins so, and can be revoked', async () => {
    const lines = ['npm --version', 'npm --version', 'npm --version; touch bad', 'npm root']
    const a = await asking([...lines.map(bash), { text: 'done' }])
    await a.answer(await a.open(), { reply: 'always' })
    for (const line of lines.slice(2)) {
      const ask = await until(async () => {
        const found = await a.open()
        expect(found.request).toMatchObject({ patterns: [line] })
        return found
      })
      await a.answer(ask, { reply: 'reject', message: 'Not this one.' })
    }
    await a.story.reaches('done')
    expect(existsSync(join(a.folder, 'bad'))).toBe(false)
    expect(a.outputs().slice(2)).toEqual(Array(2).fill('Not permitted. Not this one.'))
    const { items } = await a.get<GrantList>('/api/grants')
    expect(items).toMatchObject([{ permission: 'bash', pattern: 'npm --version', workspace: a.folder }])
    expect((await a.story.call('DELETE', `/api/grants/${items[0]?.id}`)).status).toBe(200)
  })

  it('is answered by a file of the inbox', async () => {
    const a = await asking([bash('touch made'), { text: 'done' }])
    const { id } = await a.open()
    a.story.drop('yes.md', `approve: ${id}\n`)
    await a.story.reaches('done')
    expect(existsSync(join(a.folder, 'made'))).toBe(true)
  })

  it('is given unasked where the task accepts it, and a deny still holds', async () => {
    const rules = `${settings}      - { tool: bash, command: "touch b*", action: deny }\n`
    const a = await asking([bash('touch a'), bash('touch b'), { text: 'done' }], 'auto_accept: true', rules)
    await a.story.reaches('done')
    expect([existsSync(join(a.folder, 'a')), existsSync(join(a.folder, 'b'))]).toEqual([true, false])
    expect(a.outputs()[1]).toContain('Not permitted')
  })

  it('PM-2 is refused at once in a task that waits for nobody', async () => {
    const a = await asking([bash('touch a'), { text: 'done' }], 'ask: deny')
    await a.story.reaches('done')
    expect(existsSync(join(a.folder, 'a'))).toBe(false)
    expect(a.outputs()[0]).toContain('Nobody is asked')
  })

  it('is nobody’s any more when the task is cancelled', async () => {
    const a = await asking([bash('touch a'), { text: 'done' }])
    const { id, taskId } = await a.open()
    await a.story.call('POST', `/api/tasks/${taskId}/cancel`, {})
    await until(async () => expect((await a.get<{ ask: AskItem }>(`/api/asks/${id}`)).ask.status).toBe('gone'))
  })
})

describe('PM-6 a question of our own agent', () => {
  const question = { question: 'Which colour?', choices: ['red', 'blue'] }
  const ask = { tool_calls: [{ name: 'ask_user', arguments: { questions: [question] } }] }

  it('waits for a person, who answers by a file of the inbox', async () => {
    const a = await asking([ask, { text: 'done' }])
    const open = await a.open()
    expect(open.request).toMatchObject({ kind: 'question', questions: [{ text: 'Which colour?' }] })
    await a.story.reaches('waiting')
    a.story.drop('answer.md', `answer: ${open.id}\n\nblue\n`)
    await a.story.reaches('done')
    expect(a.outputs()).toEqual(['Q: Which colour?\nA: blue'])
  })

  it('ends the run of a task that asks nobody, with the question; resumed it decides itself', async () => {
    const both = { tool_calls: [...ask.tool_calls, ...bash('touch a').tool_calls] }
    const a = await asking([both, { text: 'done' }], 'ask: deny')
    const { task } = await a.story.reaches('paused')
    expect(task.reason).toMatchObject({ code: 'needs-input', text: expect.stringContaining('"Which colour?"') })
    const ended = a.story.daemon.store.events.after(0, 1_000).filter(({ type }) => type === 'run.ended')
    expect(ended).toMatchObject([{ data: { reason: 'needs_input', problem: { kind: 'needs-input' } } }])
    const asked = a.story.requests.filter(({ body }) => body)
    expect([existsSync(join(a.folder, 'a')), asked.length]).toEqual([false, 1])
    await a.story.call('POST', `/api/tasks/${task.id}/resume`, {})
    await a.story.reaches('done')
    expect(a.outputs()).toEqual([expect.stringContaining('Decide yourself'), expect.stringContaining('Not run')])
  })
})

const isDecision = ({ type }: { type: string }): boolean => type === 'permission.decided'

describe('SE-3 the settings of a project', () => {
  const own = 'permissions:\n  - { tool: write, path: "locked/**", action: deny }\n'

  it('count once a person took them, and tighten only', async () => {
    const story = await tell({ script: { replies: [write('locked/a'), { text: 'done' }], at_end: 'repeat' } })
    const folder = story.workspace()
    writeFileSync(join(folder, 'openloom.yaml'), own)
    const work = `---\nworkspace: ${folder}\n---\n\nDo it.\n`
    story.drop('one.md', work)
    await story.reaches('done')
    expect(existsSync(join(folder, 'locked/a'))).toBe(true)
    const ignored = story.daemon.store.events.after(0, 1_000).filter(({ type }) => type === 'workspace.ignored')
    expect(ignored).toMatchObject([{ data: { workspace: folder, todo: `openloom trust ${folder}` } }])
    const said = await story.call('PUT', '/api/workspaces', { path: folder, trust: 'trusted' })
    expect(await said.json()).toMatchObject({ workspace: { path: folder, trust: 'trusted', access: 'scoped' } })
    expect(await (await story.call('GET', '/api/workspaces')).json()).toMatchObject({ items: [{ path: folder }] })
  })

  it.each([
    ['trusted', false, true],
    ['read-only', false, false],
    ['untrusted', false, false],
  ])('PM-5 a folder that is %s is so for tasks, too', async (trust, locked, free) => {
    const script = [write('locked/a'), write('free'), bash('git stash'), { text: 'done' }]
    const story = await tell({ script })
    const folder = story.workspace()
    mkdirSync(join(folder, 'locked'))
    writeFileSync(join(folder, 'openloom.yaml'), own)
    await story.call('PUT', '/api/workspaces', { path: folder, trust })
    story.drop('one.md', `---\nworkspace: ${folder}\nask: deny\n---\n\nDo it.\n`)
    await story.reaches('done')
    expect([existsSync(join(folder, 'locked/a')), existsSync(join(folder, 'free'))]).toEqual([locked, free])
  })

  it.each(['read-only', 'untrusted'])(
    'PM-5 a folder that becomes %s is so for the next call of a run',
    async (trust) => {
      const { story, folder, open, answer, outputs } = await asking([bash('touch one'), write('two'), { text: 'done' }])
      const ask = await open()
      await story.call('PUT', '/api/workspaces', { path: folder, trust })
      await answer(ask, { reply: 'once' })
      await story.reaches('done')
      expect([existsSync(join(folder, 'one')), existsSync(join(folder, 'two'))]).toEqual([trust === 'untrusted', false])
      expect(outputs().at(-1)).toContain('the trust that a person gave this workspace')
    },
  )

  it('PM-5 in an untrusted folder a person says of each command, not the task', async () => {
    const story = await tell({ script: [bash('touch a'), { text: 'done' }] })
    const folder = story.workspace()
    await story.call('PUT', '/api/workspaces', { path: folder, trust: 'untrusted' })
    story.drop('one.md', `---\nworkspace: ${folder}\nauto_accept: true\nask: wait\n---\n\nDo it.\n`)
    await story.reaches('waiting')
    const { items } = (await (await story.call('GET', '/api/asks')).json()) as AskList
    await story.call('POST', `/api/asks/${items[0]?.id}`, { reply: 'once' })
    await story.reaches('done')
    expect(existsSync(join(folder, 'a'))).toBe(true)
  })

  it('whoever changes rules that were taken is not rid of them', async () => {
    const script = [write('openloom.yaml'), { text: 'done' }, write('locked/a'), { text: 'done' }]
    const story = await tell({ script })
    const folder = story.workspace()
    writeFileSync(join(folder, 'openloom.yaml'), own)
    await story.call('PUT', '/api/workspaces', { path: folder, trust: 'trusted' })
    writeFileSync(join(folder, 'openloom.yaml'), 'permissions: []\n')
    story.drop('one.md', `---\nworkspace: ${folder}\nask: deny\n---\n\nDo it.\n`)
    await story.reaches('done')
    expect(readFileSync(join(folder, 'openloom.yaml'), 'utf8')).toBe('permissions: []\n')
  })

  it('a folder that is not there is refused', async () => {
    const story = await tell()
    const body = { path: join(story.folder, 'nowhere'), trust: 'trusted' }
    expect((await story.call('PUT', '/api/workspaces', body)).status).toBe(422)
    expect((await story.call('PUT', '/api/workspaces', { ...body, path: 'relative' })).status).toBe(400)
  })
})
