/** The files that tell agents how to work, as they may lie there: foreign, odd, large, and changed by two at once. */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { GuideFiles } from '../../src/agent/guide-files.ts'
import { loadMemory, memoryPath } from '../../src/agent/memory.ts'

function place() {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'guides-')))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  const put = (name: string, data: string | Buffer) => {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), data)
    return join(root, name)
  }
  const [work, memoryDir] = [join(root, 'work'), join(root, 'memory')]
  put('work/.git/HEAD', 'ref: refs/heads/main\n')
  const guides = new GuideFiles({ userDir: join(root, 'config'), memoryDir, trusts: () => true })
  const read = async (path: string) => {
    const found = await guides.read(work, path)
    return found.ok ? found.value : found.problems[0]?.kind
  }
  const standing = async (path: string) => {
    const file = (await guides.view(work)).files.find((one) => one.path === path)
    return [file?.editable, file?.why, file?.sizeBytes]
  }
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)
  return { root, put, work, memoryDir, guides, read, standing, mode }
}

it('has no memory of another repository for a folder that only says it is a worktree of it', async () => {
  const { root, put, work, memoryDir, guides } = place()
  await guides.remember(work, 'The release is secret until May.')
  const hostile = join(root, 'hostile')
  const own = join(root, 'hostile', '.meta', 'worktrees', 'x')
  const says = async (gitdir: string) => {
    put('hostile/.git', `gitdir: ${gitdir}\n`)
    return loadMemory(memoryDir, hostile, 25_000)
  }
  put('work/.git/worktrees/theirs/commondir', '../..\n')
  put('work/.git/worktrees/theirs/gitdir', `${join(root, 'elsewhere', '.git')}\n`)
  expect(await says(join(work, '.git', 'worktrees', 'theirs'))).toBe('')
  put('hostile/.meta/worktrees/x/commondir', join(work, '.git'))
  put('hostile/.meta/worktrees/x/gitdir', join(hostile, '.git'))
  expect(await says(own)).toBe('')
  symlinkSync(join(work, '.git', 'worktrees'), join(hostile, 'linked'))
  expect(await says(join(hostile, 'linked', 'theirs'))).toBe('')
  put('work/.git/worktrees/theirs/gitdir', '../../../../hostile/.git\n')
  expect(await says(join('..', basename(work), '.git', 'worktrees', 'theirs'))).toContain('until May')
})

it('never writes over a file whose whole text it cannot show', async () => {
  const { put, work, memoryDir, guides, read, standing } = place()
  const large = put('work/AGENTS.md', 'ü'.repeat(200_000))
  expect(await read(large)).toBe('unreadable')
  expect(await standing(large)).toEqual([false, null, 400_000])
  const { path: memory } = await memoryPath(memoryDir, work)
  mkdirSync(dirname(memory), { recursive: true })
  writeFileSync(memory, Buffer.from('caf\xe9', 'latin1'))
  expect(await standing(memory)).toEqual([false, 'unreadable', 4])
  for (const path of [large, memory]) {
    const asked = await guides.write(work, { path, text: 'x', sha256: null })
    expect(asked).toMatchObject({ problems: [{ kind: 'unreadable', todo: expect.any(String) }] })
  }
  expect(await guides.remember(work, 'A note.')).toMatchObject({ problems: [{ kind: 'unreadable' }] })
  expect([statSync(large).size, readFileSync(memory, 'latin1')]).toEqual([400_000, 'caf\xe9'])
  writeFileSync(memory, `The first line.\n${'ü'.repeat(140_000)}`)
  expect(await loadMemory(memoryDir, work, 25_000)).toContain('The first line.')
})

it('a link that leads out of the project is no file that may be begun', async () => {
  const { put, root, work, standing } = place()
  symlinkSync(put('secret.md', 'secret'), join(work, 'AGENTS.md'))
  expect((await standing(join(work, 'AGENTS.md'))).slice(0, 2)).toEqual([false, 'unreadable'])
  expect(readFileSync(join(root, 'secret.md'), 'utf8')).toBe('secret')
})

it('keeps the rights of a file, gives a new one those of a project, and the memory to nobody else', async () => {
  const { put, work, memoryDir, guides, read, mode } = place()
  const old = put('work/CLAUDE.md', 'old')
  chmodSync(old, 0o660)
  const change = async (path: string) => {
    const found = await read(path)
    if (typeof found !== 'object') throw new Error(found)
    return guides.write(work, { ...found, text: 'new' })
  }
  expect(await change(old)).toMatchObject({ ok: true })
  expect(mode(old)).toBe('660')
  rmSync(old)
  const fresh = join(work, 'AGENTS.md')
  expect(await change(fresh)).toMatchObject({ ok: true })
  expect(Number.parseInt(mode(fresh), 8) & 0o044).toBe(0o044 & ~process.umask())
  const { path } = await memoryPath(memoryDir, work)
  for (const note of ['one', 'two']) await guides.remember(work, note)
  expect(mode(path)).toBe('600')
})

it('keeps each of two notes that come at once, and of two changes of one text only one', async () => {
  const { work, memoryDir, guides, read } = place()
  const notes = Array.from({ length: 10 }, (_, n) => `note ${n}`)
  expect((await Promise.all(notes.map((note) => guides.remember(work, note)))).map(({ ok }) => ok)).not.toContain(false)
  const { path } = await memoryPath(memoryDir, work)
  expect(readFileSync(path, 'utf8')).toBe(`# Memory\n\n${notes.map((note) => `- ${note}\n`).join('')}`)
  const seen = await read(path)
  if (typeof seen !== 'object') throw new Error(seen)
  const both = await Promise.all(['a', 'b'].map((text) => guides.write(work, { ...seen, text })))
  expect(both.filter(({ ok }) => !ok)).toMatchObject([{ problems: [{ kind: 'changed-since' }] }])
  expect(both).toContainEqual(expect.objectContaining({ value: await read(path) }))
})
