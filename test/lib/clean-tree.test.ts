/** A clean checkout against real repositories: what it holds, what it leaves out, and what it never touches. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BlobIds } from '../../src/lib/blob-ids.ts'
import { CleanTree } from '../../src/lib/clean-tree.ts'
import { Dependencies } from '../../src/lib/dependencies.ts'
import { childEnvironment } from '../../src/lib/process.ts'
import { type Result, resultOf } from '../../src/lib/result.ts'

let home: string
let root: string
let clean: CleanTree
const env = childEnvironment(process.env)
const ids = new BlobIds()

beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'loom-clean-')))
  root = join(home, 'work')
  mkdirSync(root)
  git('init', '-q', '-b', 'main')
  clean = new CleanTree(join(home, 'clean'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

function git(...args: string[]): string {
  const who = ['-c', 'user.name=t', '-c', 'user.email=t@t', '-c', 'commit.gpgsign=false']
  return execFileSync('git', [...who, ...args], { cwd: root, env, encoding: 'utf8' }).trim()
}

function write(path: string, text: string, folder = root): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}

function commit(files: Record<string, string>, message = 'x'): string {
  for (const [path, text] of Object.entries(files)) write(path, text)
  git('add', '--all')
  git('commit', '-q', '--allow-empty', '-m', message)
  return git('rev-parse', 'HEAD')
}

const request = () => ({ cwd: root, env, owner: 'test/clean' })

async function result(baseCommit: string | null, before: Record<string, string> = {}): Promise<Result> {
  const untrackedBefore = new Map(Object.entries(before))
  const found = await resultOf({ ...request(), ids, baseCommit, untrackedBefore })
  if (typeof found === 'string') throw new Error(found)
  return found
}

async function update(baseCommit: string | null, before: Record<string, string> = {}): Promise<Result> {
  const found = await result(baseCommit, before)
  await clean.update(found, request(), new Set())
  return found
}

/** Every file below a folder but git's own, with its content. */
function held(folder = clean.path, inner = ''): Record<string, string> {
  const found: Record<string, string> = {}
  for (const name of readdirSync(join(folder, inner)).sort()) {
    const path = inner === '' ? name : `${inner}/${name}`
    if (path === '.git') continue
    const stat = lstatSync(join(folder, path))
    if (stat.isDirectory()) Object.assign(found, held(folder, path))
    else found[path] = stat.isSymbolicLink() ? `-> ${readlinkSync(join(folder, path))}` : read(path, folder)
  }
  return found
}

const read = (path: string, folder = clean.path): string => readFileSync(join(folder, path), 'utf8')
const blobId = (text: string) => createHash('sha1').update(`blob ${text.length}\0${text}`).digest('hex')

describe('a clean checkout', () => {
  it('holds what git tracks as it lies there, and new files; not what is ignored or was untracked before', async () => {
    const base = commit({ 'a.txt': 'one', 'sub/b.txt': 'two', '.gitignore': '.env\n' })
    write('old.txt', 'was here')
    write('a.txt', 'changed')
    write('new.txt', 'new')
    write('.env', 'secret')
    const { left } = await update(base, { 'old.txt': blobId('was here') })
    expect(held()).toEqual({ '.gitignore': '.env\n', 'a.txt': 'changed', 'new.txt': 'new', 'sub/b.txt': 'two' })
    expect(left).toEqual(['old.txt'])
  })

  it('holds a file that was untracked before and was changed since', async () => {
    const base = commit({ 'a.txt': 'one' })
    write('old.txt', 'and now')
    await update(base, { 'old.txt': blobId('was here') })
    expect(held()).toEqual({ 'a.txt': 'one', 'old.txt': 'and now' })
  })

  it('holds the commit when there is a new one, whatever lies there or the index says', async () => {
    const base = commit({ 'a.txt': 'one', 'b.txt': 'b' })
    commit({ 'a.txt': 'committed', 'c.txt': 'c' })
    write('a.txt', 'uncommitted')
    write('extra.txt', 'never added')
    rmSync(join(root, 'b.txt'))
    git('update-index', '--assume-unchanged', 'a.txt')
    const { left, isCommit } = await update(base)
    expect(isCommit).toBe(true)
    expect(held()).toEqual({ 'a.txt': 'committed', 'b.txt': 'b', 'c.txt': 'c' })
    expect(left).toEqual(['a.txt', 'extra.txt'])
  })

  it('follows changes, removals, modes and links, and takes back what a check did to it', async () => {
    const base = commit({ 'a.txt': 'one', 'dir/b.txt': 'two', 'gone.txt': 'x', run: '#!/bin/sh\n' })
    await update(base)
    write('made/by/check.txt', 'rubbish', clean.path)
    write('a.txt', 'spoiled', clean.path)
    rmSync(join(clean.path, 'dir'), { recursive: true })
    symlinkSync(root, join(clean.path, 'dir'))
    rmSync(join(root, 'gone.txt'))
    chmodSync(join(root, 'run'), 0o755)
    rmSync(join(root, 'dir'), { recursive: true })
    write('dir', 'a file now')
    symlinkSync('a.txt', join(root, 'link'))
    await update(base)
    expect(held()).toEqual({ 'a.txt': 'one', dir: 'a file now', link: '-> a.txt', run: '#!/bin/sh\n' })
    expect(lstatSync(join(clean.path, 'run')).mode & 0o111).not.toBe(0)
  })

  it('answers git as the work tree does, without its settings and hooks', async () => {
    const base = commit({ 'a.txt': 'one' })
    git('tag', 'v1')
    commit({ 'a.txt': 'two' })
    git('config', 'core.fsmonitor', `touch ${join(home, 'ran')}; false`)
    await update(base)
    const there = (...args: string[]) => execFileSync('git', args, { cwd: clean.path, env, encoding: 'utf8' }).trim()
    expect(there('rev-parse', 'HEAD')).toBe(git('rev-parse', 'HEAD'))
    expect(there('branch', '--show-current')).toBe('main')
    expect(there('describe', '--tags', '--long')).toMatch(/^v1-1-g/)
    expect(there('status', '--porcelain')).toBe('')
    expect(there('diff', '--stat', base)).toContain('a.txt')
    expect(existsSync(join(home, 'ran'))).toBe(false)
  })

  it('is not taken in by an object that was forged', async () => {
    const base = commit({ 'a.txt': 'one' })
    const forged = blobId('committed')
    commit({ 'a.txt': 'committed' })
    const object = join(root, '.git/objects', forged.slice(0, 2), forged.slice(2))
    write('other', 'something else')
    const other = git('hash-object', '-w', 'other')
    rmSync(join(root, 'other'))
    chmodSync(object, 0o644)
    writeFileSync(object, readFileSync(join(root, '.git/objects', other.slice(0, 2), other.slice(2))))
    write('a.txt', 'lying')
    await expect(update(base)).rejects.toThrow('damaged')
  })

  it('keeps line ends and pointers of large files as they would be checked out', async () => {
    const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 3\n'
    const base = commit({ '.gitattributes': '*.bat text eol=crlf\n*.bin filter=lfs\n', 'x.bat': 'a\nb\n', y: '1' })
    commit({ 'big.bin': pointer, y: '2' })
    write('big.bin', 'the large file itself')
    write('x.bat', 'a\r\nb\r\n')
    await update(base)
    expect(read('x.bat')).toBe('a\r\nb\r\n')
    expect(read('big.bin')).toBe('the large file itself')
  })

  it('holds the files of a submodule and not those of a repository that only lies there', async () => {
    const module = join(home, 'module')
    mkdirSync(module)
    const at = (folder: string, ...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', '-c', 'protocol.file.allow=always', ...args], {
        cwd: folder,
        env,
      })
    at(module, 'init', '-q')
    write('m.txt', 'module', module)
    at(module, 'add', '--all')
    at(module, 'commit', '-q', '-m', 'x')
    at(root, 'submodule', '--quiet', 'add', module, 'mod')
    const base = commit({ 'a.txt': 'one' })
    mkdirSync(join(root, 'stray'))
    at(join(root, 'stray'), 'init', '-q')
    write('stray/s.txt', 's')
    await update(base)
    expect(Object.keys(held())).toEqual(['.gitmodules', 'a.txt', 'mod/m.txt'])
  })

  it('never touches the work tree, its index, references or stashes', async () => {
    const base = commit({ 'a.txt': 'one', 'b.txt': 'two' })
    write('b.txt', 'stashed')
    git('stash', 'push', '-q')
    write('a.txt', 'staged')
    git('add', 'a.txt')
    write('a.txt', 'and changed')
    const look = () => ({
      index: readFileSync(join(root, '.git/index')).toString('hex'),
      status: git('--no-optional-locks', 'status', '--porcelain'),
      refs: git('for-each-ref'),
      stash: git('stash', 'list'),
      files: held(root),
    })
    const before = look()
    await update(base)
    appendFileSync(join(clean.path, 'a.txt'), '!')
    expect(look()).toEqual(before)
  })

  it('says so when a file changes while it is copied', async () => {
    const base = commit({ 'a.txt': 'one' })
    const found = await result(base)
    write('a.txt', 'another')
    await expect(clean.update(found, request(), new Set())).rejects.toThrow('changed while it was copied')
    await update(base)
    expect(held()).toEqual({ 'a.txt': 'another' })
  })
})

describe('installed packages', () => {
  it('are linked, own packages of the tree into the checkout, caches not at all', async () => {
    const base = commit({ 'package.json': '{}', 'packages/own/index.js': 'own', '.gitignore': 'node_modules\n' })
    write('node_modules/far/index.js', 'far')
    write('node_modules/@scope/pkg/index.js', 'scoped')
    write('node_modules/.cache/x', 'cache')
    mkdirSync(join(root, 'node_modules/.bin'))
    symlinkSync('../far/index.js', join(root, 'node_modules/.bin/far'))
    symlinkSync('../packages/own', join(root, 'node_modules/own'))
    const found = await result(base)
    const dependencies = new Dependencies(root, clean.path)
    const paths = dependencies.find(found.entries)
    expect(paths).toEqual(['node_modules'])
    await clean.update(found, request(), new Set(paths))
    await dependencies.link(paths)
    const real = (path: string) => realpathSync(join(clean.path, 'node_modules', path))
    expect(real('far/index.js')).toBe(join(root, 'node_modules/far/index.js'))
    expect(real('@scope/pkg/index.js')).toBe(join(root, 'node_modules/@scope/pkg/index.js'))
    expect(real('.bin/far')).toBe(join(root, 'node_modules/far/index.js'))
    expect(real('own/index.js')).toBe(join(clean.path, 'packages/own/index.js'))
    expect(existsSync(join(clean.path, 'node_modules/.cache'))).toBe(false)
    await clean.update(await result(base), request(), new Set(paths))
    expect(existsSync(join(clean.path, 'node_modules/far'))).toBe(true)
  })
})
