/** A session that nobody gave a task, judged by what its project tests itself with. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { SessionVerdict } from '../../src/harness/verify-session.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import { git } from '../fakes/repository.ts'
import { tell } from '../fakes/story.ts'

const run = (command: string) => ({ tool_calls: [{ name: 'bash', arguments: { command } }] })

const files = {
  'package.json': JSON.stringify({ scripts: { test: 'node test.cjs' } }),
  'sum.cjs': 'module.exports = (a, b) => a + b\n',
  'test.cjs': "if (require('./sum.cjs')(2, 2) !== 4) throw new Error('not ok')\n",
}

/** A session that did this, and then what it is said to have been. */
async function judged(
  script: ScriptInput,
  prepare = (root: string): void => {
    git(root, 'init', '-q')
  },
) {
  const story = await tell({ script })
  const root = story.workspace('project')
  prepare(root)
  if (existsSync(join(root, '.git'))) {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text)
    git(root, 'add', '--all')
    const GIT_COMMITTER_DATE = '2026-01-01T12:00:00Z'
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '-q', '-m', 'start'], {
      cwd: root,
      env: { ...process.env, GIT_COMMITTER_DATE },
    })
  }
  const body = { goal: 'Anything', workspace: root, project_checks: 'never' }
  const { id } = (await (await story.call('POST', '/api/tasks', body)).json()) as { id: string }
  const { task } = await story.reaches('done', id)
  const answer = await story.call('POST', `/api/sessions/${task.sessionId}/verify`, {})
  return { story, root, status: answer.status, found: (await answer.json()) as SessionVerdict & { detail: string } }
}

describe('a session', () => {
  it('that changed something and broke nothing is verified by the project alone; nothing is left', async () => {
    const { found, story, root } = await judged([
      run('echo "// a remark" >> sum.cjs; echo x > new.txt'),
      { text: 'Done.' },
    ])
    expect(found.verdict).toBe('verified (project checks)')
    expect(found.baseCommit).toBe(git(root, 'rev-parse', 'HEAD'))
    expect(found.checks.map(({ title, outcome, clean }) => [title, outcome, clean?.outcome])).toEqual([
      ['no worse: npm test', 'pass', 'pass'],
      ['any change', 'pass', undefined],
    ])
    const left = readdirSync(join(story.folder, 'data', 'checkouts'))
    expect(left.filter((name) => !name.startsWith('t_') && name !== 'trees')).toEqual([])
  })

  it('that broke a test is refuted, also when it committed that', async () => {
    const commit = 'git -c user.name=a -c user.email=a@a commit -qam "all fine"'
    const break_ = `echo "module.exports = () => 5" > sum.cjs; ${commit}`
    ;('echo "module.exports = () => 5" > sum.cjs; git -c user.name=a -c user.email=a@a commit -qam "all fine"')
    const { found, root } = await judged([run(break_), { text: 'Done.' }])
    expect(found.verdict).toBe('refuted')
    expect(found.baseCommit).toBe(git(root, 'rev-parse', 'HEAD~1'))
  })

  it('that made a test pass by changing it has tampered', async () => {
    const { found } = await judged([
      run('echo "module.exports = () => 5" > sum.cjs; echo "0" > test.cjs'),
      { text: 'Done.' },
    ])
    expect(found.verdict).toBe('tampered')
  })

  it('that changed nothing is refuted', async () => {
    const { found } = await judged([{ text: 'Done.' }])
    expect(found.verdict).toBe('refuted')
  })

  it('without git cannot be judged, and the answer says why', async () => {
    const { status, found } = await judged([run('echo x > new.txt'), { text: 'Done.' }], (root) => {
      writeFileSync(join(root, 'a.txt'), 'a')
    })
    expect(status).toBe(422)
    expect(found.detail).toContain('git is not used there')
  })
})
