/** Merging into a tree that a person works in: what is not committed there stays, or nothing at all is changed. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Result } from '../../src/core/problem.ts'
import { type Merged, mergeBranch } from '../../src/lib/merge-branch.ts'
import type { Repository } from '../../src/lib/repository.ts'
import * as worktrees from '../../src/lib/worktree.ts'
import { OwnRepository } from '../fakes/own-repository.ts'

let own: OwnRepository
let repository: Repository
let tree: worktrees.Worktree
beforeEach(async () => {
  own = new OwnRepository()
  own
    .write('a.txt', 'a\n')
    .write('b.txt', 'b\n')
    .write('gone.txt', 'g\n')
    .write('-x', '1')
    .write('.gitignore', '*.secret\n')
    .commit()
  repository = await own.open()
  tree = { path: join(own.worktrees, 't_1'), branch: 'openloom/t_1' }
  const opened = await worktrees.openWorktree(repository, tree)
  expect(opened.ok).toBe(true)
})
afterEach(() => own.remove())

let at = 0
const merge = (): Promise<Result<Merged>> =>
  mergeBranch(repository, {
    branch: tree.branch,
    message: 'Merge the work',
    rescue: { name: 't_1', at: ++at },
    scratch: `${tree.path}.merge`,
  })
const work = async (files: Record<string, string>) => {
  for (const [path, text] of Object.entries(files)) own.write(path, text, tree.path)
  const sealed = await worktrees.seal(repository, tree, 'The work')
  if (!sealed.ok) throw new Error(JSON.stringify(sealed.problems))
  return sealed.value.tip
}
const read = (path: string): string => readFileSync(join(own.top, path), 'utf8')
const rescues = () =>
  own.git('for-each-ref', '--format=%(objectname)', 'refs/openloom/rescue/').split('\n').filter(Boolean)

/** It refuses with this, and nothing but our own references is different. */
async function refuses(kind: string, text: string | RegExp = '') {
  const before = own.state()
  const result = await merge()
  expect(result).toMatchObject({ ok: false, problems: [{ kind, text: expect.stringMatching(text) }] })
  expect(own.state()).toEqual(before)
  return result
}

describe('a merge', () => {
  it('moves the branch forward where it can, and says what was there before', async () => {
    const before = own.git('rev-parse', 'HEAD')
    rmSync(join(tree.path, 'gone.txt'))
    const tip = await work({ 'a.txt': 'A\n', 'new/ä\n.txt': 'n\n' })
    const merged = await merge()
    expect(merged).toMatchObject({ ok: true, value: { into: 'main', commit: tip, files: 3 } })
    expect(own.git('status', '--porcelain')).toBe('')
    expect([read('a.txt'), read('new/ä\n.txt'), existsSync(join(own.top, 'gone.txt'))]).toEqual(['A\n', 'n\n', false])
    expect(rescues()).toEqual([before])
    expect(own.git('reflog', '-1', '--format=%gs', 'main')).toBe('openloom: merge openloom/t_1')
  })

  it('makes a merge commit where both sides went on, by plumbing', async () => {
    const tip = await work({ 'a.txt': 'A\n' })
    const mine = own.write('b.txt', 'B\n').commit('mine')
    expect(await merge()).toMatchObject({ ok: true })
    expect(own.git('rev-list', '--parents', '-1', 'HEAD').split(' ').slice(1)).toEqual([mine, tip])
    expect(own.git('status', '--porcelain')).toBe('')
    expect([read('a.txt'), read('b.txt')]).toEqual(['A\n', 'B\n'])
  })

  it('leaves other uncommitted changes exactly as they are: staged, unstaged, new, ignored and stashed', async () => {
    own.write('gone.txt', 'stashed\n').git('stash', '-q')
    own.write('b.txt', 'staged\n').git('add', 'b.txt')
    own.write('b.txt', 'staged and changed\n').write('new.txt', 'n\n').write('k.secret', 'key')
    await work({ 'a.txt': 'A\n' })
    const before = own.state()
    expect(await merge()).toMatchObject({ ok: true })
    expect(own.state()).toMatchObject({ status: before.status, stashes: before.stashes })
    expect([own.git('show', ':b.txt'), read('b.txt'), read('new.txt')]).toEqual([
      'staged',
      'staged and changed\n',
      'n\n',
    ])
    const [rescue = ''] = rescues()
    expect(own.git('show', `${rescue}:b.txt`)).toBe('staged and changed')
    expect(own.git('show', `${rescue}:new.txt`)).toBe('n')
    expect(own.git('show', `${rescue}^2:b.txt`)).toBe('staged')
    expect(own.git('ls-tree', '--name-only', rescue)).not.toContain('secret')
  })

  it('is safe while the person goes on editing other files', async () => {
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`many/${n}.txt`, `${n}\n`]))
    await work(many)
    let [written, merging] = [0, true]
    const edits = (async () => {
      while (merging) {
        own.write('b.txt', `edit ${++written}\n`)
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    const merged = await merge()
    merging = false
    await edits
    expect(merged).toMatchObject({ ok: true, value: { files: 300 } })
    expect(read('b.txt')).toBe(`edit ${written}\n`)
    expect(own.git('status', '--porcelain')).toBe(' M b.txt')
  })

  it('is done when the branch is in already', async () => {
    await work({ 'a.txt': 'A\n' })
    await merge()
    const before = own.state()
    expect(await merge()).toMatchObject({ ok: true, value: { rescue: null, files: 0 } })
    expect(own.state()).toEqual(before)
  })
})

describe('a merge is refused, and nothing is changed,', () => {
  it('when files that it would write are changed, staged, deleted or new', async () => {
    await work({ 'a.txt': 'A\n', 'b.txt': 'B\n', 'new.txt': 'theirs\n', 'k.secret': '' })
    own.gitIn(tree.path, 'rm', '-q', 'gone.txt')
    own.git('update-index', '--assume-unchanged', 'a.txt')
    own.write('a.txt', 'mine\n').write('b.txt', 'mine\n').git('add', 'b.txt')
    own.write('b.txt', 'b\n').write('new.txt', 'mine\n').write('gone.txt', 'changed\n')
    await work({})
    await refuses('merge-in-the-way', /^4 file.*a\.txt, b\.txt, gone\.txt, new\.txt/)
  })

  it('when an ignored file, a folder or a link of the person lies where it would write', async () => {
    own.write('k.secret', 'mine').write('folder/x.secret', 'mine')
    mkdirSync(join(own.home.outside, 'elsewhere'))
    symlinkSync(join(own.home.outside, 'elsewhere'), join(own.top, 'link.secret'))
    for (const path of ['k.secret', 'folder', 'link.secret/file']) own.write(path, 'theirs', tree.path)
    own.gitIn(tree.path, 'add', '--force', '--all')
    own.gitIn(tree.path, 'commit', '-qm', 'forced')
    await refuses('merge-in-the-way', /^3 file/)
    expect(existsSync(join(own.home.outside, 'elsewhere/file'))).toBe(false)
  })

  it('when both sides changed the same lines, with the names of the files', async () => {
    await work({ 'a.txt': 'theirs\n' })
    own.write('a.txt', 'mine\n').commit('mine')
    await refuses('merge-conflict', /a\.txt/)
    expect(rescues()).toEqual([])
  })

  it('when a merge driver of the repository would have to run', async () => {
    own.write('.gitattributes', '*.txt merge=evil\n').commit('evil')
    own.home.run('git', 'config', 'merge.evil.driver', `touch ${join(own.home.outside, 'executed')}`)
    repository = await own.open()
    await work({ 'b.txt': 'b\ntheirs\n' })
    own.write('b.txt', 'mine\nb\n').commit('mine')
    await refuses('merge-conflict', /b\.txt/)
    expect(existsSync(join(own.home.outside, 'executed'))).toBe(false)
  })

  it('on a detached HEAD', async () => {
    await work({ 'a.txt': 'A\n' })
    own.git('checkout', '-q', '--detach')
    await refuses('merge-detached')
  })

  it('while a rebase, a merge or another git is under way', async () => {
    await work({ 'b.txt': 'B\n' })
    writeFileSync(join(own.top, '.git/index.lock'), '')
    await refuses('merge-locked', /index\.lock/)
    rmSync(join(own.top, '.git/index.lock'))
    own.git('checkout', '-q', '-b', 'other')
    own.write('a.txt', 'other\n').commit('other')
    own.git('checkout', '-q', 'main')
    own.write('a.txt', 'mine\n').commit('mine')
    spawnSync('git', ['-C', own.top, 'merge', '-q', 'other'])
    await refuses('merge-busy', /a merge/)
    own.git('merge', '--abort')
    own.git('checkout', '-q', 'other')
    spawnSync('git', ['-C', own.top, '-c', 'user.name=A', '-c', 'user.email=a@b', 'rebase', '-q', 'main'])
    await refuses('merge-detached')
    own.git('rebase', '--abort')
  })

  it('when the branch is checked out somewhere else, too, or is the one that is to be merged', async () => {
    await work({ 'a.txt': 'A\n' })
    own.git('worktree', 'add', '-q', '--force', join(own.home.outside, 'second'), 'main')
    await refuses('merge-held', /second/)
    own.git('worktree', 'remove', join(own.home.outside, 'second'))
    await worktrees.clear(repository, tree.path)
    own.git('checkout', '-q', 'openloom/t_1')
    await refuses('merge-itself')
  })

  it('when its branch is gone', async () => {
    await worktrees.clear(repository, tree.path)
    own.git('branch', '-D', 'openloom/t_1')
    await refuses('no-branch', /rescue|branch/)
  })
})

describe('a merge that was cut off', () => {
  it('is finished by repeating it, wherever it was: after files, after the index, before the branch', async () => {
    for (const path of ['gone.txt', '-x']) rmSync(join(tree.path, path))
    const tip = await work({ 'a.txt': 'A\n', 'new.txt': 'n\n' })
    own.write('b.txt', 'mine\n')
    // Some files were written and the index was not; then the rest as well.
    own.write('a.txt', 'A\n').write('new.txt', 'n\n')
    for (const path of ['gone.txt', '-x']) rmSync(join(own.top, path))
    own.git('add', 'a.txt')
    expect(await merge()).toMatchObject({ ok: true, value: { commit: tip } })
    expect(own.git('status', '--porcelain')).toBe(' M b.txt')
    own.git('update-ref', 'refs/heads/main', 'HEAD~1')
    expect(await merge()).toMatchObject({ ok: true, value: { commit: tip } })
    expect(own.git('status', '--porcelain')).toBe(' M b.txt')
    expect(read('b.txt')).toBe('mine\n')
  })

  it('by a full disk leaves what was there, says so, and goes through when there is space', async () => {
    const small = join(own.home.outside, 'small')
    mkdirSync(small)
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1500k', 'openloom-test', small])
    if (mount.status !== 0) return expect(mount.stderr.toString()).toMatch(/permi|root|superuser|No such/i)
    const top = join(small, 'repo')
    try {
      own.git('clone', '-q', own.top, top)
      own.write('a.txt', 'mine\n', top)
      const full = await own.open(top)
      const place = { path: join(own.worktrees, 't_9'), branch: 'openloom/t_9' }
      expect(await worktrees.openWorktree(full, place)).toMatchObject({ ok: true })
      own.write('filler', 'x'.repeat(100), place.path)
      for (let i = 0; i < 4; i++)
        own.write(
          `big-${i}.bin`,
          Math.random()
            .toString(36)
            .repeat(40_000 + i),
          place.path,
        )
      expect(await worktrees.seal(full, place, 'm')).toMatchObject({ ok: true })
      const before = own.state(top)
      const request = {
        branch: place.branch,
        message: 'm',
        rescue: { name: 't_9', at: 1 },
        scratch: `${place.path}.merge`,
      }
      const refused = await mergeBranch(full, request)
      expect(refused).toMatchObject({ ok: false, problems: [{ kind: 'git-refused' }] })
      writeFileSync(join(place.path, 'more.bin'), randomBytes(3_000_000))
      expect(await worktrees.seal(full, place, 'm')).toMatchObject({ ok: false, problems: [{ kind: 'git-refused' }] })
      expect(existsSync(join(place.path, 'more.bin'))).toBe(true)
      rmSync(join(place.path, 'more.bin'))
      expect(own.state(top)).toMatchObject({ head: before.head, refs: before.refs, stashes: before.stashes })
      expect(readFileSync(join(top, 'a.txt'), 'utf8')).toBe('mine\n')
      expect(spawnSync('mount', ['-o', 'remount,size=64m', small]).status).toBe(0)
      expect(await mergeBranch(full, request)).toMatchObject({ ok: true })
      expect(own.gitIn(top, 'status', '--porcelain')).toBe(' M a.txt')
    } finally {
      spawnSync('umount', ['-l', small])
    }
  })
})
