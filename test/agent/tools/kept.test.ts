/** What no file tool reads or changes, wherever the workspace lies: git's own, and the secrets of a home. */
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { hiddenPlaces } from '../../../src/lib/secret-places.ts'
import { tell } from '../../fakes/story.ts'
import { toolWorld } from '../../fakes/tool-world.ts'

const call = (name: string, args: Record<string, unknown>) => ({ tool_calls: [{ name, arguments: args }] })

describe('SE-4 git’s own settings', () => {
  it.each([
    '.git/hooks/pre-commit',
    '.git/config',
    '.git/config.worktree',
    '.git/commondir',
    '.git/modules/a/b/hooks/post-checkout',
    '.git/modules/a/config',
    '.git/worktrees/w/commondir',
    '.GIT/Hooks/pre-commit',
    'sub/.git',
    'sub/.git/config',
    'link/pre-commit',
  ])('are the person’s, whichever tool it is: %s', async (path) => {
    const world = await toolWorld()
    mkdirSync(world.path('.git/hooks'), { recursive: true })
    symlinkSync('.git/hooks', world.path('link'))
    const planted = await world.use('write', { file_path: path, content: 'evil\n' })
    expect(planted).toMatchObject({ ok: false, output: expect.stringContaining("git's own settings") })
    expect(existsSync(world.path(path))).toBe(false)
    await world.put(path, 'good\n')
    await world.use('read', { file_path: path })
    const change = { old_string: 'good', new_string: 'evil' }
    for (const [tool, input] of [
      ['write', { content: 'evil' }],
      ['edit', change],
      ['multiedit', { edits: [change] }],
      ['notebook_edit', { cell_id: 'a' }],
    ] as const) {
      const result = await world.use(tool, { file_path: path, ...input })
      expect(result).toMatchObject({ ok: false, output: expect.stringContaining("git's own settings") })
    }
    expect(readFileSync(world.path(path), 'utf8')).toBe('good\n')
  })

  it.each(['.git/info/exclude', '.gitignore', '.github/hooks/a', 'hooks/config', 'src/config'])(
    'are not what only looks like them: %s',
    async (path) => {
      const world = await toolWorld()
      expect(await world.use('write', { file_path: path, content: 'x\n' })).toMatchObject({ ok: true })
    },
  )
})

describe('SE-5 secrets', () => {
  it('are neither read, changed, listed nor searched in a home that is the workspace', async () => {
    const world = await toolWorld()
    const data = world.path('.local/share/openloom')
    const secrets = ['.local/share/openloom/secrets.json', '.ssh/id', '.netrc', '.git-credentials', '.npmrc']
    for (const path of [...secrets, 'mine.txt']) await world.put(path, 'token\n')
    symlinkSync('.ssh', world.path('keys'))
    world.context.hidden = hiddenPlaces(world.context.workspace, data)
    for (const access of ['scoped', 'root'] as const) {
      world.context.access = access
      for (const path of [...secrets, 'keys/id', join(data, 'secrets.json')]) {
        const read = await world.use('read', { file_path: path })
        expect(read, path).toMatchObject({ ok: false, output: expect.stringContaining('kept from every agent') })
        const write = await world.use('write', { file_path: path, content: 'x' })
        expect(write, path).toMatchObject({ ok: false, output: expect.stringContaining('kept from every agent') })
        expect((await world.use('grep', { pattern: 'token', path })).ok, path).toBe(false)
      }
      expect((await world.use('grep', { pattern: 'token', mode: 'files' })).output).toBe('mine.txt')
      expect((await world.use('glob', { pattern: '*' })).output).toBe('mine.txt')
      const above = await world.use('glob', { pattern: '*', path: dirname(world.context.workspace) })
      expect(above.output.includes('secrets.json')).toBe(false)
    }
  })

  it('keep no work tree from being worked in that lies among the daemon’s own', async () => {
    const world = await toolWorld()
    world.context.hidden = [dirname(world.context.workspace)]
    expect(await world.use('write', { file_path: 'a.txt', content: 'one\n' })).toMatchObject({ ok: true })
    expect((await world.use('grep', { pattern: 'one' })).output).toBe('a.txt:1:one')
    world.context.access = 'root'
    expect((await world.use('read', { file_path: '../other' })).output).toContain('kept from every agent')
  })

  it('are known to the daemon: its own data and the home of its person', async () => {
    const paths = ['../data/key.txt', '../.netrc', '../mine.txt']
    const story = await tell({
      script: [...paths.map((path) => call('read', { file_path: path })), { text: 'done' }],
    })
    const path = story.workspace()
    await story.call('PUT', '/api/workspaces', { path, trust: 'trusted', access: 'root' })
    for (const name of paths) writeFileSync(join(path, name), 'token')
    story.drop('work.md', `---\nworkspace: ${path}\nmax_attempts: 1\n---\n\nDo it.\n`)
    await story.reaches('done')
    const body = story.requests.at(-1)?.body as { messages: { role: string; content: string }[] }
    const said = body.messages.flatMap(({ role, content }) => (role === 'tool' ? [content] : []))
    expect(said).toEqual([/kept from/, /kept from/, /token/].map((text) => expect.stringMatching(text)))
  })
})
