/** The tree of a folder against git's own answer, and against folders that want to lead it astray. */
import { type ExecFileSyncOptionsWithStringEncoding, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { childEnvironment } from '../../src/lib/process.ts'
import { readTree, type TreeRequest, treeLimits } from '../../src/lib/tree.ts'
import { TemporaryWorkspace } from '../fakes/workspace.ts'

let w: TemporaryWorkspace
let root: string
beforeEach(() => {
  w = new TemporaryWorkspace()
  root = w.path
})
afterEach(() => w.remove())

const identity = ['-c', 'user.name=Ada', '-c', 'user.email=ada@localhost', '-c', 'commit.gpgsign=false']
const git = (...args: string[]): string => {
  const options: ExecFileSyncOptionsWithStringEncoding = { cwd: root, encoding: 'utf8', stdio: 'pipe' }
  return execFileSync('git', [...identity, ...args], options).trim()
}
const look = (more: Partial<TreeRequest> = {}, limits = {}) =>
  readTree({ cwd: root, env: childEnvironment(process.env), owner: w.owner, ...more }, { ...treeLimits, ...limits })
const commit = () => {
  git('add', '-A')
  git('commit', '-qm', 'work')
}
const gitTree = async (): Promise<string | undefined> => (await look()).tree?.gitTree

/** Every byte below `.git`, refs, index, stashes and all, and when each was touched. */
function gitFolder(): string {
  const hash = createHash('sha256')
  for (const name of readdirSync(join(root, '.git'), { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(root, '.git', name)
    const stat = statSync(path)
    hash.update(`${name} ${stat.mtimeMs} ${stat.size}\n`)
    if (stat.isFile()) hash.update(readFileSync(path))
  }
  return hash.digest('hex')
}

describe('the tree of a work tree', () => {
  beforeEach(() => {
    git('init', '-q')
  })

  it('is what git itself would write: folders, modes, links, odd names', async () => {
    w.write('a.txt', 'a\n').write('a/b/c.txt', 'c\n').write('a-b/x', 'x').write('a0', '').write('ä ö\n"q".txt', 'odd')
    w.write('run.sh', '#!/bin/sh\n').link('link', '../outside').write('\u{1f600}', '1').write('\uff5e', '2')
    w.write('.gitignore', 'ignored/\n').write('ignored/x', 'no')
    chmodSync(join(root, 'run.sh'), 0o755)
    commit()
    const { tree, headCommit, missing } = await look()
    expect({ headCommit, missing, listing: tree?.listing }).toEqual({
      ...{ headCommit: git('rev-parse', 'HEAD'), missing: null, listing: 'git' },
    })
    expect(tree?.gitTree).toBe(git('rev-parse', 'HEAD^{tree}'))
    expect(tree?.entries).toBe(10)
  })

  it('holds what is changed, new, staged and deleted, as it lies there', async () => {
    w.write('kept', '1').write('changed', '1').write('gone', '1')
    commit()
    w.write('changed', '2').write('new/one', '3').write('staged', '4')
    git('add', 'staged')
    w.write('staged', '5')
    rmSync(join(root, 'gone'))
    const before = await gitTree()
    commit()
    expect(before).toBe(git('rev-parse', 'HEAD^{tree}'))
    expect(await gitTree()).toBe(before)
  })

  it('leaves index, stashes, references, objects and their times as they are', async () => {
    w.write('a', '1')
    commit()
    w.write('a', '2')
    git('stash')
    w.write('a', '3').write('b', '4')
    git('add', 'b')
    const before = gitFolder()
    expect((await look()).tree).not.toBeNull()
    expect(gitFolder()).toBe(before)
  })

  it('is not told otherwise by the index: unchanged-by-decree and skipped files are read', async () => {
    w.write('a', '1').write('b', '1')
    commit()
    git('update-index', '--assume-unchanged', 'a')
    git('update-index', '--skip-worktree', 'b')
    const before = await gitTree()
    w.write('a', 'other').write('b', 'other')
    expect(await gitTree()).not.toBe(before)
  })

  it('executes nothing that the repository names', async () => {
    w.write('.gitattributes', '* filter=evil\n').write('a', '1')
    commit()
    const touch = `touch ${join(w.outside, 'ran')}; cat`
    for (const key of ['filter.evil.clean', 'core.fsmonitor', 'core.hooksPath', 'diff.external']) {
      git('config', key, key === 'core.hooksPath' ? join(root, 'hooks') : touch)
    }
    w.write('a', '2')
    expect((await look()).tree).not.toBeNull()
    expect(readdirSync(w.outside)).toEqual(['workspace'])
  })

  it('follows no link, be it a file or a folder that was a folder before', async () => {
    writeFileSync(join(w.outside, 'secret'), 'one')
    mkdirSync(join(w.outside, 'folder'))
    writeFileSync(join(w.outside, 'folder', 'x'), 'one')
    w.write('dir/x', 'mine').link('to-secret', '../secret')
    commit()
    rmSync(join(root, 'dir'), { recursive: true })
    symlinkSync('../folder', join(root, 'dir'))
    const before = await gitTree()
    writeFileSync(join(w.outside, 'secret'), 'two')
    writeFileSync(join(w.outside, 'folder', 'x'), 'two')
    expect(await gitTree()).toBe(before)
    commit()
    expect(git('rev-parse', 'HEAD^{tree}')).toBe(before)
  })

  it('takes a repository inside for its commit', async () => {
    w.write('a', '1').write('inner/x', '1')
    const inner = join(root, 'inner')
    execFileSync('git', ['init', '-q'], { cwd: inner })
    execFileSync('git', ['add', '-A'], { cwd: inner })
    execFileSync('git', [...identity, 'commit', '-qm', 'x'], { cwd: inner })
    commit()
    expect(await gitTree()).toBe(git('rev-parse', 'HEAD^{tree}'))
  })

  it('is there without a commit, and in a shallow clone', async () => {
    w.write('a', '1')
    expect(await look()).toMatchObject({ headCommit: null, missing: null, tree: { entries: 1 } })
    commit()
    w.write('a', '2')
    commit()
    const clone = join(w.outside, 'clone')
    execFileSync('git', ['clone', '-q', '--depth', '1', `file://${root}`, clone])
    const shallow = await look({ cwd: clone })
    expect([shallow.headCommit, shallow.tree?.gitTree]).toEqual([git('rev-parse', 'HEAD'), await gitTree()])
  })

  it('of a folder of the repository is that folder', async () => {
    w.write('a', '1').write('sub/b', '2')
    commit()
    expect((await look({ cwd: join(root, 'sub') })).tree?.gitTree).toBe(git('rev-parse', 'HEAD:sub'))
  })

  it('is refused, with the reason, when git looks at another folder', async () => {
    w.write('a', '1')
    commit()
    mkdirSync(join(w.outside, 'other'))
    git('config', 'core.worktree', join(w.outside, 'other'))
    expect(await look()).toMatchObject({ tree: null, missing: 'git takes another folder for the work tree' })
  })

  it('uses the object format of the repository', async () => {
    rmSync(join(root, '.git'), { recursive: true })
    git('init', '-q', '--object-format=sha256')
    w.write('a/b', '1')
    commit()
    expect(await gitTree()).toBe(git('rev-parse', 'HEAD^{tree}'))
  })
})

describe('the tree of a folder without git', () => {
  it('is that of every file, in the SHA-256 format of git', async () => {
    w.write('a', '1').write('sub/b', '2').link('gone', 'nowhere')
    const { tree, headCommit } = await look()
    expect([headCommit, tree?.listing, tree?.entries]).toEqual([null, 'folder', 3])
    git('init', '-q', '--object-format=sha256')
    commit()
    expect(tree?.gitTree).toBe(git('rev-parse', 'HEAD^{tree}'))
    expect((await look({ listing: 'folder' })).tree).toEqual(tree)
  })

  it('passes over pipes', async () => {
    w.write('a', '1')
    execFileSync('mkfifo', [join(root, 'pipe')])
    expect((await look()).tree?.entries).toBe(1)
  })
})

describe('a look at a tree ends', () => {
  it.each([
    ['too many files', { entriesMax: 2 }, 'there are over 2 files'],
    ['too many bytes', { sizeBytesMax: 2 }, 'there are over 2 bytes'],
    ['no time', { limitMs: 0 }, 'it took over 0 s'],
  ])('at %s, in a folder and in a repository', async (_, limits, why) => {
    w.write('a', '1').write('b/c', '2').write('b/d', '3')
    expect(await look({}, limits)).toMatchObject({ tree: null, missing: why })
    git('init', '-q')
    expect(await look({}, limits)).toMatchObject({ tree: null, missing: why })
  })
  it('when it is asked to', async () => {
    expect(await look({ signal: AbortSignal.abort() })).toEqual({
      headCommit: null,
      tree: null,
      files: null,
      missing: 'stopped',
    })
  })
  it('with a reason where nothing is', async () => {
    expect((await look({ cwd: join(root, 'none') })).missing).toMatch(/cannot be read/)
    expect((await look({ listing: 'git' })).missing).toBe('it is not in a git repository')
  })
})
