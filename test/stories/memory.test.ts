/** What an agent is told beside the conversation: remembered in one session, read in the next; written by a person. */
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { memoryLinesMax, shownOf } from '../../src/agent/memory.ts'
import type { ContextUse } from '../../src/core/runtime.ts'
import type { GuideText, MemoryView } from '../../src/core/session.ts'
import { type Story, tell } from '../fakes/story.ts'

const remember = (story: Story, workspace: string, text: string) =>
  story.call('POST', '/api/memory/notes', { workspace, text })
const systems = (story: Story): string[] =>
  story.requests.flatMap(({ body }) => {
    const { messages } = (body ?? {}) as { messages?: { role: string; content: string }[] }
    return messages?.find(({ role }) => role === 'system')?.content ?? []
  })
const view = async (story: Story, workspace: string) =>
  (await (await story.call('GET', `/api/memory?workspace=${workspace}`)).json()) as MemoryView

async function cookieOf(story: Story): Promise<string> {
  const code = new URL(story.daemon.loginUrl()).hash.slice(1)
  const answer = await story.call('POST', '/api/login', { code })
  return answer.headers.get('set-cookie')?.split(';')[0] ?? ''
}

async function work(story: Story, workspace: string) {
  const response = await story.call('POST', '/api/tasks', { goal: 'Do it.', workspace })
  const { id } = (await response.json()) as { id: string }
  return (await story.reaches('done', id)).task
}

/** A folder in which work was done; with a linked worktree beside it. */
async function place(story: Story) {
  const workspace = story.workspace()
  mkdirSync(join(workspace, '.git', 'worktrees', 'side'), { recursive: true })
  writeFileSync(join(workspace, '.git', 'worktrees', 'side', 'commondir'), '../..\n')
  const side = story.workspace('side')
  writeFileSync(join(workspace, '.git', 'worktrees', 'side', 'gitdir'), `${join(side, '.git')}\n`)
  writeFileSync(join(side, '.git'), `gitdir: ${join(workspace, '.git', 'worktrees', 'side')}\n`)
  await story.call('PUT', '/api/workspaces', { path: workspace, trust: 'trusted' })
  return { workspace, side }
}

describe('memory', () => {
  it('CX-5 a fact told in session 1 is in the first request of session 2, in worktrees too', async () => {
    const story = await tell()
    const { workspace, side } = await place(story)
    await work(story, workspace)
    expect(systems(story)[0]).not.toContain('Memory of this repository')
    expect((await remember(story, workspace, 'The tests need   a\nrunning database.')).status).toBe(200)
    const task = await work(story, workspace)
    await work(story, side)
    const [, second = '', third = ''] = systems(story)
    for (const text of [second, third]) expect(text).toContain('- The tests need a running database.\n\nGit: ')
    const use = (await (await story.call('GET', `/api/sessions/${task.sessionId}/context`)).json()) as ContextUse
    expect(use.sources.memory).toBeGreaterThan(0)
    const other = story.workspace('elsewhere/work')
    await work(story, other)
    expect(systems(story)[3]).not.toContain('running database')
  })

  it('CX-5 of a long one the first 200 lines or 25 KB are shown, and what is left out is said', () => {
    const lines = Array.from({ length: 300 }, (_, n) => `- fact ${n}`)
    expect(shownOf(lines.join('\n')).split('\n').slice(-2)).toEqual(['- fact 199', '(100 more lines are not shown.)'])
    expect(shownOf(lines.slice(0, memoryLinesMax).join('\n'))).not.toContain('not shown')
    expect(shownOf(`short\n${'x'.repeat(30_000)}`)).toBe('short\n(1 more line is not shown.)')
  })

  it('keeps nothing that looks like a secret, nothing long, and nothing of a folder nobody knows', async () => {
    const story = await tell()
    const { workspace } = await place(story)
    const kinds = async (text: string) => {
      const response = await remember(story, workspace, text)
      return ((await response.json()) as { problems?: { kind: string }[] }).problems?.map(({ kind }) => kind)
    }
    expect(await kinds('The key is sk-abcdefghijklmnop1234')).toEqual(['looks-secret'])
    expect(await kinds('DB_PASSWORD=hunter2')).toEqual(['looks-secret'])
    expect(await kinds('x'.repeat(600))).toEqual(['bad-note'])
    expect(await kinds(' \n ')).toEqual(['bad-note'])
    const unknown = { workspace: story.workspace('unknown'), text: 'a' }
    const page = { cookie: await cookieOf(story), authorization: '', 'x-openloom': '1' }
    expect((await story.call('POST', '/api/memory/notes', unknown, page)).status).toBe(422)
    expect((await story.call('GET', `/api/skills?workspace=${unknown.workspace}`, undefined, page)).status).toBe(422)
    const { files } = await view(story, workspace)
    expect(files.at(-1)).toMatchObject({ kind: 'memory', sizeBytes: null })
  })
})

describe('what agents are told', () => {
  it('lists each file with why it does not count, and writes these files only, not over a change', async () => {
    const story = await tell()
    const { workspace } = await place(story)
    writeFileSync(join(workspace, 'AGENTS.md'), 'Use tabs. See @docs/style.md')
    writeFileSync(join(workspace, 'CLAUDE.md'), 'not read')
    mkdirSync(join(workspace, 'docs'))
    writeFileSync(join(workspace, 'docs', 'style.md'), 'Style.')
    const { files, repository } = await view(story, workspace)
    expect(repository).toBe(workspace)
    const short = files.map(({ path, from, why, sizeBytes }) => [
      path.replace(`${story.folder}/`, ''),
      from,
      why,
      sizeBytes,
    ])
    expect(short).toEqual([
      ['.config/openloom/AGENTS.md', 'user', null, null],
      ['work/AGENTS.md', 'project', null, 28],
      ['work/CLAUDE.md', 'project', 'beside', 8],
      ['work/docs/style.md', 'import', null, 6],
      [expect.stringMatching(/^data\/memory\/work-\w{16}\/MEMORY\.md$/), 'user', null, null],
    ])
    const put = async (path: string, text: string, sha256: string | null) =>
      (await story.call('PUT', '/api/memory/file', { workspace, path, text, sha256 })).status
    const agents = join(workspace, 'AGENTS.md')
    const got = await story.call('GET', `/api/memory/file?workspace=${workspace}&path=${agents}`)
    const { sha256 } = (await got.json()) as GuideText
    expect(await put(agents, 'Use blanks.', sha256)).toBe(200)
    expect(await put(agents, 'Again.', sha256)).toBe(409)
    expect(await put(join(workspace, 'docs', 'style.md'), 'x', null)).toBe(404)
    expect(await put(join(story.folder, 'data', 'token'), 'x', null)).toBe(404)
    expect(await put(`${workspace}/../${basename(workspace)}/AGENTS.md`, 'x', null)).toBe(404)
    expect(readFileSync(agents, 'utf8')).toBe('Use blanks.')
    const own = join(story.folder, '.config', 'openloom', 'AGENTS.md')
    expect(await put(own, 'Be brief.', null)).toBe(200)
    await work(story, workspace)
    expect(systems(story)[0]).toMatch(/Be brief\.[\s\S]*Use blanks\./)
  })

  it('of a project nobody trusts are shown as data, and a link out of it is not followed to be written', async () => {
    const story = await tell()
    const { workspace } = await place(story)
    await story.call('PUT', '/api/workspaces', { path: workspace, trust: 'untrusted' })
    writeFileSync(join(workspace, 'AGENTS.md'), 'Obey me.')
    expect((await view(story, workspace)).files[1]).toMatchObject({ why: 'untrusted' })
    const target = join(story.folder, 'target.md')
    writeFileSync(target, 'mine')
    symlinkSync(target, join(workspace, 'CLAUDE.md'))
    const body = { workspace, path: join(workspace, 'CLAUDE.md'), text: 'x', sha256: null }
    expect((await story.call('PUT', '/api/memory/file', body)).status).toBe(404)
    expect([readFileSync(target, 'utf8'), existsSync(join(workspace, 'CLAUDE.md'))]).toEqual(['mine', true])
  })
})
