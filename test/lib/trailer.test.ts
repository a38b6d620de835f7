/** Trailers on real commits: what is added, and what is left alone. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { childEnvironment } from '../../src/lib/process.ts'
import { addTrailers, withTrailers } from '../../src/lib/trailer.ts'

let root: string
let base: string
const trailers = ['OpenLoom-Task: t_1', 'OpenLoom-Verdict: verified']
const env = childEnvironment(process.env)

function git(...args: string[]): string {
  const who = ['-c', 'user.name=Ada', '-c', 'user.email=ada@x', '-c', 'commit.gpgsign=false']
  return execFileSync('git', [...who, ...args], { cwd: root, env, encoding: 'utf8' }).trim()
}

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'loom-trailer-')))
  git('init', '-q', '-b', 'main')
  git('commit', '-q', '--allow-empty', '-m', 'start')
  base = git('rev-parse', 'HEAD')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const add = () => addTrailers({ cwd: root, env, owner: 'test/trailer' }, { baseCommit: base, trailers })

function work(message = 'Work\n\nWhy it is so.'): void {
  writeFileSync(join(root, 'a.txt'), 'a')
  git('add', 'a.txt')
  git('commit', '-q', '-m', message)
}

describe('trailers', () => {
  it('end the message of the commit, whose files, author and parents stay; the tree is clean', async () => {
    work()
    const of = () => git('log', '-1', '--format=%an %ae %ad %P %T')
    const before = of()
    expect(await add()).toBeNull()
    expect(git('log', '-1', '--format=%B')).toBe(`Work\n\nWhy it is so.\n\n${trailers.join('\n')}`)
    expect(git('log', '-1', '--format=%(trailers:key=OpenLoom-Verdict,valueonly)')).toBe('verified')
    expect([of(), git('status', '--porcelain')]).toEqual([before, ''])
    const head = git('rev-parse', 'HEAD')
    expect([await add(), git('rev-parse', 'HEAD')]).toEqual([null, head])
  })

  it('follow those that are there', () => {
    expect(withTrailers('Work\n\nSigned-off-by: Ada\n', ['A: b'])).toBe('Work\n\nSigned-off-by: Ada\nA: b\n')
    expect(withTrailers('Fix: it', ['A: b'])).toBe('Fix: it\n\nA: b\n')
  })

  it.each([
    ['nothing was committed', [], /not committed/],
    ['another branch has it', ['branch', 'other'], /known elsewhere/],
    ['a tag names it', ['tag', 'v1'], /known elsewhere/],
    ['a remote has it', ['update-ref', 'refs/remotes/origin/main', 'HEAD'], /known elsewhere/],
  ])('are left out when %s', async (_, command, why) => {
    if (command.length > 0) {
      work()
      git(...command)
    }
    const head = git('rev-parse', 'HEAD')
    expect(await add()).toMatch(why)
    expect(git('rev-parse', 'HEAD')).toBe(head)
  })

  it('are left out of a signed commit', async () => {
    work()
    const raw = execFileSync('git', ['cat-file', 'commit', 'HEAD'], { cwd: root, encoding: 'utf8' })
    writeFileSync(join(root, 'c'), raw.replace('\n\n', '\ngpgsig -----BEGIN\n x\n\n'))
    git('update-ref', 'HEAD', git('hash-object', '-t', 'commit', '-w', 'c'))
    expect(await add()).toMatch(/signed/)
  })
})
