import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import type { ScriptInput } from '../../src/sample/script.ts'
import { commitFiles, git } from '../fakes/repository.ts'
import { type Story, tell } from '../fakes/story.ts'

const env = { OPENLOOM_MUST_FAIL_FIRST: 'yes' }

type Files = Record<string, string>

function repository(story: Story, files: Files): string {
  const root = story.workspace('repo')
  commitFiles(root, files)
  return root
}

const run = (command: string) => ({ tool_calls: [{ name: 'bash', arguments: { command } }] })
const agent = (...commands: string[]): ScriptInput => [...commands.map(run), { text: 'Done.' }]

interface Work {
  files: Files
  script: ScriptInput
  checks: string[]
  task?: Record<string, unknown>
  before?: (root: string) => void
  status?: 'done' | 'failed' | 'paused'
}

async function work({ files, script, checks, task = {}, before, status = 'done' }: Work) {
  const story = await tell({ env, script })
  const root = repository(story, files)
  before?.(root)
  const body = { goal: 'Make it work', workspace: root, checks, limits: { attempts: 1 }, ...task }
  const { id } = (await (await story.call('POST', '/api/tasks', body)).json()) as { id: string }
  const detail = await story.reaches(status, id)
  const records = detail.attempts.at(-1)?.checks ?? []
  return { story, root, id, detail, verdict: detail.attempts.at(-1)?.verdict, records, first: records[0] }
}

const sum = { 'sum.sh': 'echo 3\n', 'test.sh': 'test "$(bash sum.sh)" = 4\n' }

describe('two trees', () => {
  it('agree on honest work, committed or not, and one checkout is left for the next task', async () => {
    const { verdict, first, story, root } = await work({
      files: sum,
      script: agent('echo "echo 4" > sum.sh; echo new > note.txt'),
      checks: ['run: bash test.sh && test -f note.txt'],
    })
    expect({ verdict, clean: first?.clean?.outcome }).toEqual({ verdict: 'verified', clean: 'pass' })
    const folder = join(story.folder, 'data', 'checkouts')
    expect(readdirSync(join(folder, 'trees'))).toHaveLength(1)
    expect(git(root, 'stash', 'list') + git(root, 'worktree', 'list', '--porcelain')).not.toContain('checkouts')
  })

  it('differ where a check passes by a file that git ignores', async () => {
    const { verdict, first } = await work({
      files: { '.gitignore': 'secret\n', ...sum },
      script: agent('echo "cat secret" > sum.sh; echo 4 > secret'),
      checks: ['run: bash test.sh'],
      status: 'failed',
    })
    expect(verdict).toBe('works-only-here')
    const evidence = { facts: { ignored: ['secret'] } }
    expect(first).toMatchObject({ outcome: 'pass', clean: { outcome: 'fail', evidence } })
  })

  it('differ where the commit lacks a file, which is named', async () => {
    const { verdict, first } = await work({
      files: sum,
      script: agent(
        'echo "cat four.txt" > sum.sh; echo 4 > four.txt',
        'git add sum.sh && git -c user.name=a -c user.email=a@a commit -qm done',
      ),
      checks: ['run: bash test.sh'],
      status: 'failed',
    })
    expect(verdict).toBe('works-only-here')
    expect(first?.clean?.evidence.facts?.left).toEqual(['four.txt'])
  })

  it('differ the other way where something in the workspace is in the way', async () => {
    const { verdict } = await work({
      files: { '.gitignore': 'stale\n', ...sum, 'test.sh': 'test ! -e stale && test "$(bash sum.sh)" = 4\n' },
      script: agent('echo "echo 4" > sum.sh; touch stale'),
      checks: ['run: bash test.sh'],
      status: 'failed',
    })
    expect(verdict).toBe('works-only-clean')
  })

  it('tell the agent what differs, and it can mend it', async () => {
    const { verdict, story } = await work({
      files: { '.gitignore': 'secret\n', ...sum },
      script: [
        run('echo "cat secret" > sum.sh; echo 4 > secret'),
        { text: 'Done.' },
        run('echo "echo 4" > sum.sh'),
        { text: 'Now.' },
      ],
      checks: ['run: bash test.sh'],
      task: { limits: { attempts: 2 } },
    })
    expect(verdict).toBe('verified')
    expect(JSON.stringify(story.requests)).toContain('passes in the workspace and fails in a clean checkout')
  })

  it('take declared files and a declared set-up for granted', async () => {
    const { verdict } = await work({
      files: {
        '.gitignore': 'secret\nmade\n',
        '.worktreeinclude': 'secret\n',
        ...sum,
        'test.sh': 'cat secret made | grep -q 4\n',
      },
      before: (root) => writeFileSync(join(root, 'secret'), '1\n'),
      script: agent('echo "echo 4" > make.sh; bash make.sh > made'),
      checks: ['run: bash test.sh'],
      task: { checkout: { setup: 'bash make.sh > made' } },
    })
    expect(verdict).toBe('verified')
  })

  it('are one where the task says so, and where there is no git', async () => {
    const { verdict, first } = await work({
      files: { '.gitignore': 'secret\n', ...sum },
      script: agent('echo "cat secret" > sum.sh; echo 4 > secret'),
      checks: ['run: bash test.sh'],
      task: { checkout: false },
    })
    expect({ verdict, clean: first?.clean }).toEqual({ verdict: 'verified', clean: undefined })
  })

  it('do not agree when the second cannot be made: that is unknown, with the reason', async () => {
    const { verdict, first } = await work({
      files: sum,
      script: agent('echo "echo 4" > sum.sh'),
      checks: ['run: bash test.sh'],
      task: { checkout: { setup: 'echo no network; exit 3' } },
      status: 'failed',
    })
    expect(verdict).toBe('unknown')
    expect(first?.clean?.evidence.summary).toContain('no network')
  })
})

describe('what judges the work', () => {
  it('is the test as it was: a changed one that is named in a check is tampering, shown and told', async () => {
    const { verdict, records, detail } = await work({
      files: sum,
      script: agent('echo "true" > test.sh'),
      checks: ['run: bash test.sh'],
      status: 'paused',
    })
    expect(verdict).toBe('tampered')
    expect(records.at(-1)).toMatchObject({ tampered: true, evidence: { summary: expect.stringContaining('test.sh') } })
    expect(records.at(-1)?.evidence.excerpt).toContain('-test "$(bash sum.sh)" = 4')
    expect(records[0]?.clean?.outcome).toBe('fail')
    expect(detail.task.reason).toMatchObject({ code: 'tampered' })
  })

  it('may be put back by the agent, which is told to', async () => {
    const { verdict } = await work({
      files: sum,
      script: [
        run('echo true > test.sh'),
        { text: 'Done.' },
        run('git checkout -q test.sh; echo "echo 4" > sum.sh'),
        { text: 'Ok.' },
      ],
      checks: ['run: bash test.sh'],
      task: { limits: { attempts: 2 } },
    })
    expect(verdict).toBe('verified')
  })

  it('is accepted changed only by a person, who names what was seen', async () => {
    const { story, id, records } = await work({
      files: sum,
      script: agent('echo "test -f sum.sh" > test.sh; echo "echo 4" > sum.sh'),
      checks: ['run: bash test.sh'],
      status: 'paused',
    })
    const changes = records.at(-1)?.evidence.facts?.changes as string[]
    const wrong = await story.call('POST', `/api/tasks/${id}/accept`, { changes: ['test.sh:0000'] })
    expect(wrong.status).toBe(409)
    const right = await story.call('POST', `/api/tasks/${id}/accept`, { changes })
    expect(right.status).toBe(200)
    const detail = await story.reaches('done', id)
    expect(detail.task.verdict).toBe('verified')
  })

  it('is the script that a check runs, and no other part of package.json', async () => {
    const manifest = (scripts: object, more: object = {}) => JSON.stringify({ name: 'x', scripts, ...more })
    const files = { ...sum, 'package.json': manifest({ test: 'bash test.sh' }) }
    const honest = manifest({ test: 'bash test.sh', start: 'bash sum.sh' }, { version: '2.0.0' })
    const good = await work({
      files,
      script: agent(`echo "echo 4" > sum.sh; echo '${honest}' > package.json`),
      checks: ['run: npm test'],
    })
    expect(good.verdict).toBe('verified')
    const bad = await work({
      files,
      script: agent(`echo '${manifest({ test: 'true' })}' > package.json`),
      checks: ['run: npm test'],
      status: 'paused',
    })
    expect(bad.verdict).toBe('tampered')
    expect(bad.records[0]?.clean?.outcome).toBe('fail')
  })

  it('is every test that was there: passing only with a changed one is tampering', async () => {
    const files = {
      'sum.sh': 'echo 3\n',
      'all.sh': 'for t in tests/*.sh; do bash $t || exit 1; done\n',
      'tests/sum.sh': 'test "$(bash sum.sh)" = 4\n',
    }
    const bad = await work({
      files,
      script: agent('echo true > tests/sum.sh'),
      checks: ['run: bash all.sh'],
      status: 'paused',
    })
    expect(bad.verdict).toBe('tampered')
    const good = await work({
      files,
      script: agent('echo "echo 4" > sum.sh; echo "# a remark" >> tests/sum.sh; echo true > tests/more.sh'),
      checks: ['run: bash all.sh'],
    })
    expect(good.verdict).toBe('verified')
  })

  it('is the work itself where the goal names it', async () => {
    const { verdict } = await work({
      files: { 'test.sh': 'false\n' },
      script: agent('echo true > test.sh'),
      checks: ['run: bash test.sh'],
      task: { goal: 'Make test.sh pass by writing it.' },
    })
    expect(verdict).toBe('verified')
  })

  it('is what the task says, also without git', async () => {
    const story = await tell({ env, script: agent('echo 4 > expected.txt; echo 4 > out.txt') })
    const root = story.workspace('plain')
    writeFileSync(join(root, 'expected.txt'), '5\n')
    const body = {
      goal: 'Make it work',
      workspace: root,
      checks: ['run: cmp out.txt expected.txt'],
      protect: ['expected.*'],
      limits: { attempts: 1 },
    }
    const { id } = (await (await story.call('POST', '/api/tasks', body)).json()) as { id: string }
    const detail = await story.reaches('paused', id)
    expect(detail.attempts.at(-1)?.verdict).toBe('tampered')
  })

  it('is unknown when the work broke git, by which it is protected', async () => {
    const { verdict } = await work({
      files: { ...sum, 'expected.txt': '4\n' },
      script: agent('echo 5 > expected.txt; rm .git/HEAD; touch done.txt'),
      checks: ['file: done.txt'],
      task: { protect: ['expected.txt'] },
      status: 'failed',
    })
    expect(verdict).toBe('unknown')
  })

  it('counts a runner configuration that was put above tests that were there', async () => {
    const { verdict } = await work({
      files: { ...sum, 'tests/a.sh': 'true\n' },
      script: agent('echo "echo 4" > sum.sh; echo x > pytest.ini'),
      checks: ['run: bash test.sh'],
      status: 'paused',
    })
    expect(verdict).toBe('tampered')
  })
})

describe('an agent that does not wait', () => {
  it('works while a slow check still looks at what it began from', async () => {
    const story = await tell({ env, script: agent('touch ../go; echo "echo 4" > sum.sh') })
    const root = repository(story, sum)
    const slow = `run: while [ ! -e ${join(story.folder, 'go')} ]; do sleep 0.02; done; bash test.sh`
    const body = { goal: 'Make it work', workspace: root, checks: [slow], wait_for_base: false }
    const { id } = (await (await story.call('POST', '/api/tasks', body)).json()) as { id: string }
    const { task, attempts } = await story.reaches('done', id)
    expect([task.verdict, attempts[0]?.checks[0]?.base]).toEqual(['verified', 'fail'])
  })
})

describe('the commit of the agent', () => {
  it('names its verdict and receipt where the task asks for that', async () => {
    const { story, root, id } = await work({
      files: sum,
      script: agent('echo "echo 4" > sum.sh; git -c user.name=a -c user.email=a@a commit -qam "Four at last"'),
      checks: ['run: bash test.sh'],
      task: { commit_trailer: true },
    })
    const digest = story.daemon.store.receipts.of(id).at(-1)?.digest
    const receipt = `OpenLoom-Receipt: sha256:${digest}`
    const message = ['Four at last', '', `OpenLoom-Task: ${id}`, 'OpenLoom-Verdict: verified', receipt].join('\n')
    await vi.waitFor(() => expect(git(root, 'log', '-1', '--format=%B')).toBe(message))
    expect(git(root, 'status', '--porcelain')).toBe('')
  })
})
