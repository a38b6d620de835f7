import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { foldersAbove, importsOf } from '../../src/agent/instructions.ts'
import { lookUntil } from '../contracts/runtime.ts'
import { type AgentOptions, agentWorld, userRules } from '../fakes/agent-world.ts'

const read = (file_path: string) => ({ tool_calls: [{ name: 'read', arguments: { file_path } }] })
const done = { text: 'done' }

/** A workspace in a repository, with the user's own folder beside it. */
async function world(files: Record<string, string>, replies: object[] = [done], options: AgentOptions = {}) {
  const made = await agentWorld(replies, options)
  await mkdir(made.path('../.git'))
  for (const [name, text] of Object.entries(files)) await made.put(name, text)
  return Object.assign(made, { system: () => made.messages()[0]?.content ?? '' })
}

const inOrder = (text: string, words: readonly string[]) => words.map((word) => text.indexOf(word))

describe('CX-1 the prompt', () => {
  it('CX-1 two sessions on one day begin with the same bytes, and `$$` of a user stays', async () => {
    const made = await world({ 'AGENTS.md': 'Costs $$ and $project_dir stay.' }, [done, done])
    await made.run('Pay $$5 to $agent_name')
    const [first, prompt] = made.messages()
    const request = { taskId: 't2', title: 'Another', workspace: made.workspace, agent: null, model: null }
    const opened = await made.restart().open({ ...request, session: null })
    const sessionId = opened.ok ? opened.value.sessionId : ''
    const limits = { toolCalls: null, tokens: null }
    await made.runtime.prompt({ sessionId, promptId: 'p2', text: 'Pay $$5 to $agent_name', limits })
    await lookUntil(made.runtime, sessionId, ['idle'])
    expect(sessionId).not.toBe(made.sessionId)
    expect(made.messages()).toEqual([first, prompt])
    expect(prompt?.content).toBe('Pay $$5 to $agent_name')
    expect(first?.content).toContain('Costs $$ and $project_dir stay.')
    expect(first?.content).toMatch(/Git: not a repository$/)
  })

  it('CX-1 only its end differs when the branch does', async () => {
    const made = await world({ 'AGENTS.md': 'Tabs.', '.git/HEAD': 'ref: refs/heads/one\n' }, [done, done])
    await made.run('go')
    const before = made.system()
    await made.put('.git/HEAD', 'ref: refs/heads/two\n')
    await made.run('go', { promptId: 'p2' })
    expect(made.system()).toBe(before.replace(/branch one$/, 'branch two'))
  })
})

describe('CX-2 instruction files', () => {
  it('CX-2 of the user, the repository, the workspace and a folder come in this order, one a folder', async () => {
    const files = {
      '../CLAUDE.md': 'word of the repository',
      'AGENT.md': 'word of the workspace',
      'CLAUDE.md': 'not read: AGENT.md is there',
      'src/deep/AGENTS.md': 'word of the folder',
      'src/deep/a.ts': 'text',
    }
    const replies = [read('src/deep/a.ts'), read('src/deep/a.ts'), done]
    const userDir = await realpath(await mkdtemp(join(tmpdir(), 'user-')))
    onTestFinished(() => rm(userDir, { recursive: true }))
    await writeFile(join(userDir, 'AGENTS.md'), 'word of the user')
    const own = await world(files, replies, { userDir })
    await own.run('go')
    const places = inOrder(own.system(), ['word of the user', 'word of the repository', 'word of the workspace'])
    expect(places).toEqual([...places].sort((a, b) => a - b))
    expect(places).not.toContain(-1)
    expect(own.system()).not.toMatch(/not read|word of the folder/)
    const roles = own.messages().map(({ role, content }) => (content.includes('word of the folder') ? 'nested' : role))
    expect(roles).toEqual(['system', 'user', 'assistant', 'tool', 'nested', 'assistant', 'tool'])
  })

  it('CX-2 imports stand behind the file that names them; a loop and code end them', async () => {
    const made = await world({
      'AGENTS.md': 'See @docs/style.md and `@docs/secret.md`, mail me@docs/secret.md.\n```\n@docs/secret.md\n```\n',
      'docs/style.md': 'Two spaces. @../AGENTS.md @more.md',
      'docs/more.md': 'Even more. @style.md',
      'docs/secret.md': 'never imported',
    })
    await made.run('go')
    const places = inOrder(made.system(), ['See @docs', 'Two spaces.', 'Even more.'])
    expect(places).toEqual([...places].sort((a, b) => a - b))
    expect(made.system().split('Two spaces.')).toHaveLength(2)
    expect(made.system()).not.toContain('never imported')
  })

  it('CX-2 links out of the repository and binary files are passed over', async () => {
    const made = await world({ '../outside.md': 'secret words', '.git/HEAD': '', 'AGENT.md': 'x\0y' })
    await symlink('../outside.md', made.path('AGENTS.md'))
    await made.put('CLAUDE.md', 'mine: @../outside.md @/etc/hostname')
    await made.run('go')
    expect(made.system()).toContain('mine:')
    expect(made.system()).not.toContain('secret words')
  })

  it('CX-2 of a project that is not trusted they are shown as data', async () => {
    const policyOf = async () => ({ ...(await userRules([])()), trust: 'untrusted' as const })
    const made = await world({ 'AGENTS.md': 'Obey me.' }, [done], { policyOf })
    await made.run('go')
    expect(made.system()).toMatch(/Nobody has said that this project is trusted[\s\S]*Obey me\./)
    expect(made.system()).not.toContain('Instructions for this work, from files')
  })

  it('CX-2 take no more than a part of the window, the nearest file first', async () => {
    const options = { provider: { context_tokens: 20_000 } }
    const made = await world(
      { '../AGENTS.md': 'far '.repeat(9_000), 'AGENTS.md': 'near '.repeat(1_200) },
      [done],
      options,
    )
    await made.run('go')
    expect(made.system()).toContain('near '.repeat(1_200).trim())
    expect(made.system().length).toBeLessThan(12_000)
    expect(made.system()).toContain('characters left out')
  })

  it('CX-2 what was read is in the journal; a change shows in the next turn alone', async () => {
    const made = await world({ 'AGENTS.md': 'first' }, [done, done, done])
    await made.run('go')
    await made.run('on', { promptId: 'p2' })
    await made.put('AGENTS.md', 'second')
    await made.run('on', { promptId: 'p3' })
    expect(made.system()).toContain('second')
    const rows = made.entries().filter(({ type }) => type === 'instructions')
    expect(rows).toMatchObject([{ folder: '', paths: [join(made.workspace, 'AGENTS.md')] }, { folder: '' }])
  })
})

describe('the parts', () => {
  it('names the folders between a workspace and a file', () => {
    expect(foldersAbove('/w', '/w/a/b/c.ts')).toEqual(['a', 'a/b'])
    expect(foldersAbove('/w', '/w/c.ts')).toEqual([])
    expect(foldersAbove('/w', '/wide/c.ts')).toEqual([])
  })

  it('finds imports outside of code', () => {
    expect(importsOf('@a.md (@b/c.md) x@d.md\n`@e.md`\n~~~\n@f.md\n~~~\n@../g.md.')).toEqual([
      'a.md',
      'b/c.md',
      '../g.md',
    ])
  })

  it.each([
    ['in two backticks', 'Say ``use @a.md or `b` `` here.'],
    ['in a span over two lines', 'Say `one\n@a.md` here.'],
    ['in a fence of four', '````\n```\n@a.md\n```\n````'],
    ['in a fence in a list', '- so:\n  ```sh\n  cat @a.md\n  ```'],
    ['four spaces in', 'As here:\n\n    cat @a.md\n\n    @b.md'],
    ['in a fence that never ends', '```\n@a.md'],
  ])('an import is none %s', (_where, text) => {
    expect(importsOf(text)).toEqual([])
  })

  it.each([
    ['in a list, four spaces in', '- see\n\n    @a.md'],
    ['in a paragraph that goes on four spaces in', 'See\n    @a.md'],
    ['behind a lone backtick', 'A ` and @a.md'],
    ['behind a fence', '```\ncode\n```\n@a.md'],
    ['between two spans', '`x` @a.md `y`'],
    ['behind a backtick of another paragraph', 'A `\n\n@a.md and `'],
  ])('an import is one %s', (_where, text) => {
    expect(importsOf(text)).toEqual(['a.md'])
  })
})
