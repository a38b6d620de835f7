/** A worktree beside a person's tree: opened, sealed, merged and removed, with nothing of the person's ever lost. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mergeBranch } from '../../src/lib/merge-branch.ts'
import { linkedTree, openRepository, type Repository } from '../../src/lib/repository.ts'
import * as worktrees from '../../src/lib/worktree.ts'
import { OwnRepository } from '../fakes/own-repository.ts'

let own: OwnRepository
let repository: Repository
let tree: worktrees.Worktree
beforeEach(async () => {
  own = new OwnRepository()
  own.write('a.txt', 'a\n').write('sub/b.txt', 'b\n').write('.gitignore', 'ignored/\n*.secret\n').commit('first')
  repository = await own.open()
  tree = { path: join(own.worktrees, 't_1'), branch: 'openloom/t_1' }
})
afterEach(() => own.remove())

const open = async () => {
  const opened = await worktrees.openWorktree(repository, tree)
  if (!opened.ok) throw new Error(JSON.stringify(opened.problems))
  return opened.value
}
const seal = async () => {
  const sealed = await worktrees.seal(repository, tree, 'The work\n\nOpenLoom-Task: t_1')
  if (!sealed.ok) throw new Error(JSON.stringify(sealed.problems))
  return sealed.value
}
const merge = (at = 0) =>
  mergeBranch(repository, {
    branch: tree.branch,
    message: 'Merge the work',
    rescue: { name: 't_1', at: Date.parse('2030-01-01T00:00:00Z') + at },
    scratch: `${tree.path}.merge`,
  })
const refusalOf = async () => {
  const result = await merge()
  return result.ok ? `merged ${result.value.commit}` : result.problems[0]?.kind
}
const inTree = (...args: string[]) => own.gitIn(tree.path, ...args)

describe('a worktree', () => {
  it('begins at the last commit and leaves the dirty tree of the person byte by byte as it is', async () => {
    own.write('a.txt', 'changed\n').write('staged.txt', 's\n').git('add', 'staged.txt')
    own.git('stash', 'push', '-q', '--', 'a.txt')
    own.write('a.txt', 'changed again\n').write('new file.txt', 'n\n').write('x.secret', 'key')
    const before = own.state()
    const opened = await open()
    expect(opened).toEqual({ base: own.git('rev-parse', 'HEAD'), uncommitted: 3, submodules: false, filtered: false })
    expect(readFileSync(join(tree.path, 'a.txt'), 'utf8')).toBe('a\n')
    expect(existsSync(join(tree.path, 'new file.txt'))).toBe(false)
    own.write('work.txt', 'w\n', tree.path)
    await seal()
    expect(own.state()).toEqual(before)
  })

  it('is made again where a killed start left half of one', async () => {
    await open()
    rmSync(join(tree.path, '.git'))
    rmSync(join(tree.path, 'a.txt'))
    own.write('rubbish', 'x', tree.path)
    await open()
    expect(inTree('status', '--porcelain')).toBe('')
    expect(existsSync(join(tree.path, 'rubbish'))).toBe(false)
    expect(own.git('worktree', 'list').split('\n')).toHaveLength(2)
  })

  it('goes on with a branch that has commits of its own, and says where that began', async () => {
    const { base } = await open()
    own.write('work.txt', 'w\n', tree.path)
    const { tip } = await seal()
    expect(await worktrees.clear(repository, tree.path)).toBeNull()
    own.write('later.txt', 'l\n').commit('later')
    expect((await open()).base).toBe(base)
    expect(inTree('rev-parse', 'HEAD')).toBe(tip)
  })

  it('is refused without a repository, without a commit, and in a bare one, with what to do', async () => {
    const request = { env: own.env, owner: own.home.owner }
    const kindAt = async (cwd: string) => {
      const opened = await openRepository({ ...request, cwd })
      const made = opened.ok ? await worktrees.openWorktree(opened.value, tree) : opened
      return made.ok ? null : [made.problems[0]?.kind, typeof made.problems[0]?.todo]
    }
    for (const name of ['none', 'empty', 'bare']) mkdirSync(join(own.home.outside, name))
    own.gitIn(join(own.home.outside, 'empty'), 'init', '-q')
    own.gitIn(join(own.home.outside, 'bare'), 'init', '-q', '--bare')
    expect(await kindAt(join(own.home.outside, 'none'))).toEqual(['isolation-no-git', 'string'])
    expect(await kindAt(join(own.home.outside, 'empty'))).toEqual(['isolation-no-commit', 'string'])
    expect(await kindAt(join(own.home.outside, 'bare'))).toEqual([expect.stringMatching(/^isolation-/), 'string'])
    const gitless = { ...request, env: { PATH: '/nowhere' }, cwd: own.top }
    expect(await openRepository(gitless)).toMatchObject({ ok: false, problems: [{ kind: 'isolation-no-git' }] })
  })

  it('says so when a branch of the person stands in the way of its name', async () => {
    own.git('branch', 'openloom')
    const before = own.state()
    const opened = await worktrees.openWorktree(repository, tree)
    expect(opened).toMatchObject({ ok: false, problems: [{ kind: 'isolation-refused' }] })
    expect(own.state()).toEqual(before)
  })

  it('works in repositories of SHA-256, and beside a worktree of the person', async () => {
    const wide = new OwnRepository('sha256')
    wide.write('a', '1').commit()
    const beside = join(wide.home.outside, 'beside')
    wide.git('worktree', 'add', '-q', '-b', 'side', beside)
    const linked = await wide.open(beside)
    const place = { path: join(wide.worktrees, 't_2'), branch: 'openloom/t_2' }
    const before = [wide.state(), wide.state(beside)]
    expect(await worktrees.openWorktree(linked, place)).toMatchObject({ ok: true })
    wide.write('work', 'w', place.path)
    expect(await worktrees.seal(linked, place, 'm')).toMatchObject({ ok: true, value: { committed: true } })
    expect([wide.state(), wide.state(beside)]).toEqual(before)
    const rescue = { name: 't_2', at: 0 }
    const request = { branch: place.branch, message: 'm', rescue, scratch: `${place.path}.merge` }
    expect(await mergeBranch(linked, request)).toMatchObject({ ok: true, value: { into: 'side', files: 1 } })
    expect(readFileSync(join(beside, 'work'), 'utf8')).toBe('w')
    expect(wide.state()).toMatchObject({ index: before[0]?.index, status: before[0]?.status, files: before[0]?.files })
    wide.remove()
  })
})

describe('sealing', () => {
  it('commits what is changed, new, staged, deleted and oddly named, by the person or by the program', async () => {
    await open()
    const odd = 'ä ö\n"q" *.txt'
    own.write('a.txt', 'A\n', tree.path).write(odd, 'odd', tree.path).write('x.secret', 'key', tree.path)
    rmSync(join(tree.path, 'sub/b.txt'))
    const { tip, committed } = await seal()
    expect(committed).toBe(true)
    expect(inTree('status', '--porcelain')).toBe('')
    expect(own.git('ls-tree', '-r', '-z', '--name-only', tip).split('\0').filter(Boolean).sort()).toEqual(
      ['.gitignore', 'a.txt', odd].sort(),
    )
    expect(own.git('log', '-1', '--format=%an %ae|%B', tip)).toContain('OpenLoom openloom@localhost|The work')
    expect(own.git('log', '-1', '--format=%(trailers:key=OpenLoom-Task,valueonly)', tip).trim()).toBe('t_1')
    writeFileSync(join(own.home.outside, '.gitconfig'), '[user]\n name = Grace\n email = grace@localhost\n')
    own.write('more.txt', 'm', tree.path)
    const more = await worktrees.seal(repository, tree, 'more')
    const by = more.ok ? own.home.run('git', 'log', '-1', '--format=%an', more.value.tip).trim() : null
    expect(by).toBe('Grace')
  })

  it('takes the commits of the agent as they are, and adds none when nothing is left', async () => {
    await open()
    own.write('work.txt', 'w', tree.path)
    const commit = own.commit('by the agent', tree.path)
    expect(await seal()).toEqual({ tip: commit, committed: false })
  })

  it.each([
    ['on another branch', (path: string) => own.gitIn(path, 'checkout', '-q', '-b', 'elsewhere')],
    ['on a detached HEAD', (path: string) => own.gitIn(path, 'checkout', '-q', '--detach')],
    [
      'after its branch was deleted',
      (path: string) => {
        own.gitIn(path, 'checkout', '-q', '--detach')
        own.gitIn(path, 'branch', '-D', 'openloom/t_1')
      },
    ],
  ])('brings into the branch what the agent committed %s', async (_, astray) => {
    await open()
    astray(tree.path)
    own.write('one.txt', '1', tree.path).commit('astray', tree.path)
    own.write('two.txt', '2', tree.path)
    const { tip } = await seal()
    expect(own.git('rev-parse', tree.branch)).toBe(tip)
    expect(own.git('ls-tree', '--name-only', tip).split('\n')).toEqual(expect.arrayContaining(['one.txt', 'two.txt']))
  })

  it('keeps both histories when the agent went back and took another way', async () => {
    await open()
    own.write('one.txt', '1', tree.path)
    const one = own.commit('one', tree.path)
    inTree('checkout', '-q', '--detach', 'HEAD~1')
    own.write('two.txt', '2', tree.path)
    const two = own.commit('two', tree.path)
    const { tip } = await seal()
    expect(own.git('rev-list', '--parents', '-1', tip).split(' ').slice(1)).toEqual([one, two])
    expect(own.git('ls-tree', '--name-only', tip)).not.toContain('one.txt')
  })

  it('also sees a change that the agent told git not to look at', async () => {
    await open()
    inTree('update-index', '--assume-unchanged', 'a.txt')
    own.write('a.txt', 'hidden\n', tree.path)
    const { tip } = await seal()
    expect(own.git('show', `${tip}:a.txt`)).toBe('hidden')
  })

  it('never follows a .git or a folder that the agent pointed somewhere else', async () => {
    await open()
    const other = new OwnRepository()
    other.write('private.txt', 'p').commit()
    const before = other.state()
    writeFileSync(join(tree.path, '.git'), `gitdir: ${join(other.top, '.git')}\n`)
    own.write('work.txt', 'w', tree.path)
    const { tip } = await seal()
    expect(own.git('ls-tree', '--name-only', tip)).toContain('work.txt')
    expect(other.state()).toEqual(before)
    renameSync(tree.path, `${tree.path}-gone`)
    symlinkSync(other.top, tree.path)
    expect(await worktrees.seal(repository, tree, 'm')).toMatchObject({ ok: false })
    expect(await worktrees.clear(repository, tree.path)).toBeNull()
    expect(other.state()).toEqual(before)
    other.remove()
  })

  it('runs no hook, filter, monitor or merge driver that the repository names', async () => {
    const trap = join(own.home.outside, 'trap.sh')
    const mark = join(own.home.outside, 'executed')
    writeFileSync(trap, `#!/bin/sh\necho "$0 $*" >> ${mark}\ncat\n`)
    chmodSync(trap, 0o755)
    for (const hook of [
      'post-checkout',
      'post-merge',
      'pre-commit',
      'post-commit',
      'reference-transaction',
      'post-index-change',
      'pre-merge-commit',
    ]) {
      writeFileSync(join(own.top, '.git/hooks', hook), readFileSync(trap))
      chmodSync(join(own.top, '.git/hooks', hook), 0o755)
    }
    own.write('.gitattributes', '*.evil filter=evil\n*.both merge=evil\n').write('x.evil', '1').write('x.both', '1\n')
    own.gitIn(own.top, '-c', 'core.hooksPath=/dev/null', 'add', '-A')
    own.gitIn(own.top, '-c', 'core.hooksPath=/dev/null', 'commit', '-qm', 'evil')
    for (const [key, value] of [
      ['filter.evil.clean', trap],
      ['filter.evil.smudge', trap],
      ['filter.evil.process', trap],
      ['merge.evil.driver', `${trap} %A`],
      ['core.fsmonitor', trap],
      ['core.sshCommand', trap],
      ['diff.external', trap],
    ]) {
      own.home.run('git', 'config', key as string, value as string)
    }
    repository = await own.open()
    await open()
    own.write('x.both', 'theirs\n', tree.path).write('y.evil', '2', tree.path)
    await seal()
    expect(await refusalOf()).toBe('merge-filtered')
    rmSync(join(tree.path, 'y.evil'))
    await seal()
    expect((await merge()).ok).toBe(true)
    expect(await worktrees.clear(repository, tree.path)).toBeNull()
    expect(existsSync(mark)).toBe(false)
  })

  it('refuses to store a file whose filter is required and not run: it may hold a secret', async () => {
    own.write('.gitattributes', '*.key filter=crypt\n').commit()
    for (const key of ['clean', 'smudge']) own.git('config', `filter.crypt.${key}`, 'tac')
    own.git('config', 'filter.crypt.required', 'true')
    repository = await own.open()
    await open()
    own.write('new.key', 'plain', tree.path)
    expect(await worktrees.seal(repository, tree, 'm')).toMatchObject({
      ok: false,
      problems: [{ kind: 'git-refused' }],
    })
    expect(readFileSync(join(tree.path, 'new.key'), 'utf8')).toBe('plain')
  })
})

/** git that is killed in the middle of what has this word. */
async function killedAt(word: string): Promise<Repository> {
  const path = process.env['PATH'] ?? ''
  const stand = join(own.home.outside, 'bin')
  mkdirSync(stand, { recursive: true })
  const lines = ['#!/bin/sh', `case " $* " in *" ${word} "*) kill -9 $$ ;; esac`, `PATH='${path}' exec git "$@"`]
  writeFileSync(join(stand, 'git'), `${lines.join('\n')}\n`, { mode: 0o755 })
  own.env['PATH'] = `${stand}:${path}`
  return own.open()
}

describe('what git does not tell is not taken for nothing', () => {
  it('ignored files: the folder is not said to hold none', async () => {
    await open()
    own.write('x.secret', 'k', tree.path)
    const cut = await killedAt('ls-files')
    expect(await worktrees.unsaved(cut, tree)).toMatchObject({ ok: false, problems: [{ kind: 'git-refused' }] })
  })

  it('a branch with work: it is not begun anew at HEAD', async () => {
    await open()
    const work = own.write('work.txt', 'w', tree.path).commit('work', tree.path)
    expect(await worktrees.clear(repository, tree.path)).toBeNull()
    const cut = await killedAt(`refs/heads/${tree.branch}^{commit}`)
    expect(await worktrees.openWorktree(cut, tree)).toMatchObject({ ok: false, problems: [{ kind: 'git-refused' }] })
    expect(own.git('rev-parse', tree.branch)).toBe(work)
    expect(await worktrees.deleteBranch(cut, tree, work)).toMatchObject({ kind: 'git-refused' })
  })

  it('what the merge would change: nothing is merged', async () => {
    await open()
    own.write('work.txt', 'w', tree.path)
    await seal()
    const before = own.state()
    repository = await killedAt('diff-tree')
    expect(await refusalOf()).toBe('git-refused')
    repository = await killedAt('list')
    expect(await refusalOf()).toBe('git-refused')
    expect(own.state()).toEqual(before)
  })
})

describe('what no commit holds', () => {
  it('is named before a folder goes: ignored files and repositories inside', async () => {
    await open()
    expect(await worktrees.unsaved(repository, tree)).toEqual({ ok: true, value: [] })
    own.write('ignored/out.js', 'x', tree.path).write('x.secret', 'k', tree.path)
    mkdirSync(join(tree.path, 'inner'))
    own.gitIn(join(tree.path, 'inner'), 'init', '-q')
    own.write('inner/file', '1', tree.path).commit('inner', join(tree.path, 'inner'))
    await seal()
    const left = await worktrees.unsaved(repository, tree)
    expect(left.ok && left.value.sort()).toEqual(['ignored/', 'inner/', 'x.secret'])
  })

  it('is not a submodule that was never initialised', async () => {
    const module = new OwnRepository()
    module.write('m', '1').commit()
    own.git('submodule', '--quiet', 'add', module.top, 'module')
    own.commit('with a submodule')
    own.write('module/m', 'dirty in the submodule')
    const before = own.state()
    expect((await open()).submodules).toBe(true)
    own.write('work.txt', 'w', tree.path)
    await seal()
    expect(await worktrees.unsaved(repository, tree)).toEqual({ ok: true, value: [] })
    expect(inTree('diff', '--name-only', 'HEAD~1', 'HEAD')).toBe('work.txt')
    expect(own.state()).toEqual(before)
    expect((await merge()).ok).toBe(true)
    expect(readFileSync(join(own.top, 'module/m'), 'utf8')).toBe('dirty in the submodule')
    module.remove()
  })

  it('is counted apart from the size of the work', async () => {
    const { base } = await open()
    own.write('a.txt', 'a\nb\n', tree.path).write('new.txt', '1\n', tree.path).write('x.secret', 'k', tree.path)
    expect(await worktrees.sizeOf(repository, tree, base)).toEqual({ files: 2, added: 1, removed: 0, folder: true })
    await seal()
    await worktrees.clear(repository, tree.path)
    expect(await worktrees.sizeOf(repository, tree, base)).toEqual({ files: 2, added: 2, removed: 0, folder: false })
  })

  it('does not make a link out of the folder something to follow', async () => {
    await open()
    symlinkSync(own.top, join(tree.path, 'out'))
    const before = own.state()
    expect(await worktrees.clear(repository, tree.path)).toBeNull()
    expect(own.state()).toEqual(before)
    expect(await linkedTree(repository, tree.path)).toBeNull()
    expect(statSync(own.worktrees).isDirectory()).toBe(true)
  })
})
