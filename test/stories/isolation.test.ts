/** Tasks in worktrees of their own, through the whole daemon: what happens in between, and what becomes of them. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import type { DaemonState, EventPage, IsolationAnswer, IsolationSize, ProblemBody } from '../../src/server/api.ts'
import { type Story, type StoryOptions, tell } from '../fakes/story.ts'

const write = (path: string, content: string) => ({
  tool_calls: [{ name: 'write', arguments: { file_path: path, content } }],
})
const script = [write('new.txt', 'new\n'), { text: 'Written.' }]

/** Half a dozen calls of git may lie between: a second is not enough on a busy machine. */
const eventually = (look: () => void | Promise<void>) => vi.waitFor(look)

interface Own {
  story: Story
  top: string
  git(...args: string[]): string
  add(more?: Record<string, unknown>): Promise<string>
  end(id: string, end: string, body?: Record<string, unknown>): Promise<Response>
  events(id: string, family?: string): Promise<{ type: string; data: Record<string, unknown> }[]>
}

async function own(options: StoryOptions = {}): Promise<Own> {
  const story = await tell({ script: { replies: script, at_end: 'repeat' }, ...options })
  const top = story.workspace('own')
  const settings = ['-c', 'user.name=Ada', '-c', 'user.email=ada@localhost']
  const git = (...args: string[]) =>
    execFileSync('git', [...settings, ...args], { cwd: top, encoding: 'utf8', stdio: 'pipe' }).replace(/\n$/, '')
  git('init', '-q', '-b', 'main')
  mkdirSync(join(top, 'part'))
  for (const [path, text] of [
    ['a.txt', 'a\n'],
    ['part/b.txt', 'b\n'],
    ['.gitignore', '*.log\n'],
  ] as const) {
    writeFileSync(join(top, path), text)
  }
  git('add', '-A')
  git('commit', '-qm', 'first')
  const add = async (more: Record<string, unknown> = {}) => {
    const body = { goal: 'Write new.txt', workspace: top, isolation: 'worktree', checks: ['file: new.txt'], ...more }
    return ((await (await story.call('POST', '/api/tasks', body)).json()) as { id: string }).id
  }
  const end: Own['end'] = (id, verb, body = {}) => story.call('POST', `/api/tasks/${id}/${verb}`, body)
  const events: Own['events'] = async (id, family = 'isolation.') => {
    const page = (await (await story.call('GET', `/api/tasks/${id}/events?limit=500`)).json()) as EventPage
    return page.items.filter(({ type }) => type.startsWith(family))
  }
  return { story, top, git, add, end, events }
}

describe('an isolated task', () => {
  it('is proven in its worktree, red to green, and leaves the dirty tree of the person alone', async () => {
    const { story, top, git, add, events } = await own({ env: { OPENLOOM_MUST_FAIL_FIRST: 'yes' } })
    writeFileSync(join(top, 'a.txt'), 'mine\n')
    const head = git('rev-parse', 'HEAD')
    const id = await add({ checks: ['file: new.txt', 'git diff: inside new.txt', 'contains: a.txt "a"'] })
    const { task, attempts, receipts } = await story.reaches('done', id)
    const { branch, path, origin } = task.isolation ?? { branch: '', path: '', origin: '' }
    expect({ verdict: task.verdict, branch, origin, base: task.baseCommit, workspace: task.workspace }).toEqual({
      ...{ verdict: 'verified', branch: `openloom/${id}`, origin: top, base: head, workspace: path },
    })
    expect(path).toBe(join(story.folder, 'data/worktrees', id))
    expect(attempts[0]?.checks.map(({ base, outcome }) => `${base} ${outcome}`)).toEqual([
      ...['fail pass', 'fail pass', 'pass pass'],
    ])
    expect(receipts).toHaveLength(1)
    expect(git('status', '--porcelain')).toBe(' M a.txt')
    expect(git('show', `${branch}:new.txt`)).toBe('new')
    expect(git('log', '-1', '--format=%s|%(trailers:key=OpenLoom-Task,valueonly)', branch).trim()).toBe(
      `Write new.txt|${id}`,
    )
    const [opened] = await events(id)
    expect(opened).toMatchObject({ type: 'isolation.opened', data: { uncommitted: 1, base: head } })
    const { look } = (await (await story.call('GET', `/api/tasks/${id}/isolation`)).json()) as IsolationSize
    expect(look).toEqual({ files: 1, added: 1, removed: 0, folder: true, unsaved: [], unsavedCount: 0 })
    const state = (await (await story.call('GET', '/api/state')).json()) as DaemonState
    expect(state.worktrees).toEqual([{ taskId: id, title: 'Write new.txt', branch }])
  })

  it('works in the same folder of the worktree when its workspace is a part of the repository', async () => {
    const { story, top, add } = await own()
    const { task } = await story.reaches('done', await add({ workspace: join(top, 'part') }))
    expect(task.workspace).toBe(join(task.isolation?.path ?? '', 'part'))
    expect(existsSync(join(task.workspace, 'new.txt'))).toBe(true)
    expect(existsSync(join(top, 'part/new.txt'))).toBe(false)
  })

  it('runs beside others in the same repository', async () => {
    const meet = 'touch "$PWD.here"; for i in $(seq 100); do [ $(ls .. | grep -c here) = 2 ] && break; sleep 0.1; done'
    const bash = { tool_calls: [{ name: 'bash', arguments: { command: `${meet}; echo x > new.txt` } }] }
    const { story, add } = await own({ script: { replies: [bash, bash, { text: 'Done.' }], at_end: 'repeat' } })
    const ids = [await add({ title: 'one' }), await add({ title: 'two' })]
    const done = await Promise.all(ids.map((id) => story.reaches('done', id)))
    expect(done.map(({ task }) => task.verdict)).toEqual(['verified', 'verified'])
    const [first, second] = done.map(({ task }) => [task.startedAt ?? 0, task.endedAt ?? 0] as const)
    expect(first && second && first[0] < second[1] && second[0] < first[1]).toBe(true)
  })

  it.each([
    ['a folder without git', 'isolation-no-git', () => undefined],
    [
      'a repository without a commit',
      'isolation-no-commit',
      (path: string) => {
        execFileSync('git', ['init', '-q'], { cwd: path })
      },
    ],
  ])('pauses in %s, touches nothing, and goes on once that is mended', async (_, code, prepare) => {
    const { story, add } = await own()
    const workspace = story.workspace('bad')
    prepare(workspace)
    const id = await add({ workspace })
    const { task } = await story.reaches('paused', id)
    expect(task.reason).toMatchObject({ code, text: expect.stringContaining('resume the task') })
    expect(existsSync(join(workspace, 'new.txt'))).toBe(false)
    execFileSync('git', ['init', '-q'], { cwd: workspace })
    const commit = ['-c', 'user.name=A', '-c', 'user.email=a@b', 'commit', '-q', '--allow-empty', '-m', 'first']
    execFileSync('git', commit, { cwd: workspace })
    await story.call('POST', `/api/tasks/${id}/resume`, {})
    expect((await story.reaches('done', id)).task.verdict).toBe('verified')
    expect(existsSync(join(workspace, 'new.txt'))).toBe(false)
  })

  it('cannot ask for a session that works elsewhere', async () => {
    const { story, top } = await own()
    const body = { goal: 'x', workspace: top, isolation: 'worktree', session: 's_1' }
    const refused = (await (await story.call('POST', '/api/tasks', body)).json()) as ProblemBody
    expect(refused.problems[0]?.kind).toBe('isolation-session')
  })
})

describe('by itself, a worktree', () => {
  it('is merged when its task says so and is verified', async () => {
    const { story, top, git, add, events } = await own()
    writeFileSync(join(top, 'a.txt'), 'mine\n')
    const id = await add({ when_verified: 'merge' })
    const { task } = await story.reaches('done', id)
    await eventually(async () => expect((await story.detail(id)).task.isolation?.outcome).toBe('merged'))
    expect(readFileSync(join(top, 'new.txt'), 'utf8')).toBe('new\n')
    await eventually(() => expect(git('branch', '--list', 'openloom/*')).toBe(''))
    expect(git('status', '--porcelain')).toBe(' M a.txt')
    expect(existsSync(task.isolation?.path ?? '')).toBe(false)
    const [, merged] = await events(id)
    expect(git('show', `${String(merged?.data.rescue)}:a.txt`)).toBe('mine')
  })

  it.each([
    ['unverified', []],
    ['vacuous', ['file: a.txt']],
  ])('is never merged or dropped on the verdict %s', async (verdict, checks) => {
    const settings = 'defaults: {isolation: worktree, when_verified: drop}\n'
    const { story, git, add } = await own({ settings, env: { OPENLOOM_MUST_FAIL_FIRST: 'yes' } })
    const id = await add({ isolation: undefined, checks })
    const { task } = await story.reaches('done', id)
    expect({ verdict: task.verdict, outcome: task.isolation?.outcome }).toEqual({ verdict, outcome: 'open' })
    expect(git('show', `openloom/${id}:new.txt`)).toBe('new')
  })

  it('waits for a person where the merge is refused, and tells', async () => {
    const { story, top, git, add, events, end } = await own()
    writeFileSync(join(top, 'new.txt'), 'mine\n')
    const id = await add({ when_verified: 'merge' })
    await story.reaches('done', id)
    await eventually(async () => expect((await story.detail(id)).task.isolation?.outcome).toBe('conflict'))
    expect((await events(id)).at(-1)).toMatchObject({
      type: 'isolation.conflicted',
      data: { text: expect.stringMatching(/new\.txt.*Commit, stash or move/) },
    })
    await eventually(() => expect(story.notifications().some(({ task_id }) => task_id === id)).toBe(true))
    expect(readFileSync(join(top, 'new.txt'), 'utf8')).toBe('mine\n')
    rmSync(join(top, 'new.txt'))
    expect((await end(id, 'merge')).status).toBe(200)
    expect(git('status', '--porcelain')).toBe('')
    expect(readFileSync(join(top, 'new.txt'), 'utf8')).toBe('new\n')
  })
})

describe('a person', () => {
  it('keeps a branch, and has the task go on with it', async () => {
    const { story, git, add, end } = await own()
    const id = await add()
    const { task } = await story.reaches('done', id)
    const answer = (await (await end(id, 'keep')).json()) as IsolationAnswer
    expect(answer.task.isolation?.outcome).toBe('kept')
    expect([existsSync(task.workspace), git('show', `openloom/${id}:new.txt`)]).toEqual([false, 'new'])
    expect((await story.call('POST', `/api/tasks/${id}/verify`)).status).toBe(409)
    await story.call('POST', `/api/tasks/${id}/retry`, {})
    await eventually(async () => expect((await story.detail(id)).task).toMatchObject({ attempt: 2, status: 'done' }))
    expect((await story.detail(id)).task.isolation).toMatchObject({ outcome: 'open', base: task.isolation?.base })
    expect((await end(id, 'merge')).status).toBe(200)
    expect(git('log', '--format=%s', '-1')).toBe('Write new.txt')
  })

  it('drops one and gets it back as the answer says', async () => {
    const { story, git, add, end } = await own()
    const id = await add()
    await story.reaches('done', id)
    const { text, task } = (await (await end(id, 'drop')).json()) as IsolationAnswer
    expect(task.isolation?.outcome).toBe('dropped')
    expect(git('branch', '--list', 'openloom/*')).toBe('')
    const command = /git (branch openloom\S+ refs\S+)$/.exec(text)?.[1]?.split(' ') ?? []
    git(...command)
    expect(git('show', `openloom/${id}:new.txt`)).toBe('new')
    const again = (await (await end(id, 'drop')).json()) as ProblemBody
    expect(again.problems[0]?.kind).toBe('wrong-state')
  })

  it('is told what no commit holds before a folder goes', async () => {
    const { story, top, add, end } = await own({ script: [write('build.log', 'x'), ...script] })
    const id = await add()
    const { task } = await story.reaches('done', id)
    for (const verb of ['keep', 'drop']) {
      const refused = await end(id, verb)
      expect(refused.status).toBe(409)
      expect(((await refused.json()) as ProblemBody).detail).toMatch(/build\.log.*--ignored/)
    }
    const merged = (await (await end(id, 'merge')).json()) as IsolationAnswer
    expect(merged.text).toMatch(/build\.log.*--ignored/)
    expect([existsSync(join(task.workspace, 'build.log')), existsSync(join(top, 'new.txt'))]).toEqual([true, true])
    const state = (await (await story.call('GET', '/api/state')).json()) as DaemonState
    expect(state.worktrees.map(({ taskId }) => taskId)).toEqual([id])
    expect((await end(id, 'merge', { ignored: true })).status).toBe(200)
    expect(existsSync(task.workspace)).toBe(false)
  })

  it('has the worktree of a failed task, what was not committed included, until it is dropped', async () => {
    const { story, git, add, end } = await own()
    const id = await add({ checks: ['file: other.txt'], limits: { attempts: 1 } })
    const { task } = await story.reaches('failed', id)
    expect(readFileSync(join(task.workspace, 'new.txt'), 'utf8')).toBe('new\n')
    await story.call('POST', `/api/tasks/${id}/archive`, {})
    const state = (await (await story.call('GET', '/api/state')).json()) as DaemonState
    expect(state.worktrees.map(({ taskId }) => taskId)).toEqual([id])
    const { text } = (await (await end(id, 'drop')).json()) as IsolationAnswer
    const ref = /(refs\S+)$/.exec(text)?.[1] ?? ''
    expect(git('show', `${ref}:new.txt`)).toBe('new')
  })

  it('cannot end a worktree that is worked in, nor one that never was', async () => {
    const sleep = { tool_calls: [{ name: 'bash', arguments: { command: 'sleep 30' } }] }
    const { story, add, end } = await own({ script: [sleep] })
    const id = await add()
    await story.reaches('running', id)
    for (const verb of ['merge', 'keep', 'drop']) expect((await end(id, verb)).status).toBe(409)
    const plain = await add({ isolation: 'none', title: 'plain' })
    await story.reaches('running', plain)
    const refused = (await (await end(plain, 'drop')).json()) as ProblemBody
    expect(refused.problems[0]?.kind).toBe('not-isolated')
  })

  it('is not merged under the hands of a task that works in the same tree', async () => {
    const sleep = { tool_calls: [{ name: 'bash', arguments: { command: 'sleep 30' } }] }
    const { story, add, end, git } = await own({ script: [...script, sleep] })
    const id = await add()
    await story.reaches('done', id)
    await story.reaches('running', await add({ isolation: 'none', title: 'here' }))
    const refused = (await (await end(id, 'merge')).json()) as ProblemBody
    expect(refused.problems[0]?.kind).toBe('workspace-busy')
    expect(git('log', '--format=%s')).toBe('first')
  })
})
