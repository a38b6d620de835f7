/** The daemon's own git, in a repository that a command has led elsewhere. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { checkerOf, checkSchema } from '../../src/checks/index.ts'
import { askGit, headCommit } from '../../src/lib/git.ts'
import { openRepository } from '../../src/lib/repository.ts'
import { commitFiles, git } from '../fakes/repository.ts'
import { TemporaryWorkspace } from '../fakes/workspace.ts'

const env = { PATH: process.env.PATH ?? '' }

function twoRepositories() {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'git-')))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const [mine, theirs] = [join(folder, 'mine'), join(folder, 'theirs')]
  mkdirSync(join(mine, 'deep'), { recursive: true })
  mkdirSync(theirs)
  commitFiles(mine, { a: 'mine' })
  commitFiles(theirs, { a: 'theirs' })
  const at = (cwd: string) => ({ cwd, env, owner: 'test' })
  return { folder, mine, theirs, at, lead: () => writeFileSync(join(mine, '.git/commondir'), `${theirs}/.git\n`) }
}

it('is not asked where a command has led it to another repository, and says what to do', async () => {
  const { mine, at, lead } = twoRepositories()
  const opened = await openRepository(at(mine))
  lead()
  for (const cwd of [mine, join(mine, 'deep')]) {
    await expect(headCommit(at(cwd))).rejects.toThrow(/mine\/\.git\/commondir leads it .*take it away/)
    expect(await askGit(at(cwd), ['rev-parse', 'HEAD'])).toBeNull()
    const refused = await openRepository(at(cwd))
    expect(refused).toMatchObject({ problems: [{ text: expect.stringContaining('commondir') }] })
  }
  if (!opened.ok) throw new Error('not opened')
  expect(await opened.value.run(['rev-parse', 'HEAD'])).toMatchObject({
    ok: false,
    text: expect.stringContaining('commondir'),
  })
})

it('is not asked where nobody can look whether it was led elsewhere', async () => {
  const { mine, at } = twoRepositories()
  rmSync(join(mine, '.git'), { recursive: true })
  symlinkSync('.git', join(mine, '.git'))
  await expect(headCommit(at(mine))).rejects.toThrow(/mine\/\.git\/commondir cannot be looked for \(ELOOP\)/)
})

it('proves nothing about a work tree whose repository was led elsewhere', async () => {
  const workspace = new TemporaryWorkspace()
  onTestFinished(() => workspace.remove())
  const { theirs } = twoRepositories()
  commitFiles(workspace.path, { a: 'theirs' })
  workspace.write('.git/commondir', `${theirs}/.git\n`)
  const result = await checkerOf('git_clean')?.run(checkSchema.parse({ kind: 'git_clean' }), workspace.context())
  expect(result).toMatchObject({ outcome: 'error', evidence: { summary: expect.stringContaining('commondir') } })
})

it('is asked as ever in a linked work tree, where git itself names another folder', async () => {
  const { folder, mine, at } = twoRepositories()
  git(mine, 'worktree', 'add', '-q', join(folder, 'linked'))
  expect(await headCommit(at(join(folder, 'linked')))).toBe(git(mine, 'rev-parse', 'HEAD'))
  expect((await openRepository(at(join(folder, 'linked')))).ok).toBe(true)
})
