/** A git that does not answer when a task begins: nothing is begun on what it did not say. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { commitFiles, git } from '../fakes/repository.ts'
import { tell } from '../fakes/story.ts'

/** git that is killed at what has these words, as long as the file `mute` is there; then `asked` is. */
function muteAt(words: string): { env: Record<string, string>; mute: string; asked: string } {
  const path = process.env['PATH'] ?? ''
  const folder = mkdtempSync(join(tmpdir(), 'loom-mute-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const [mute, asked] = [join(folder, 'mute'), join(folder, 'asked')]
  const kill = `[ -e '${mute}' ] && { : > '${asked}'; kill -9 $$; }`
  const lines = ['#!/bin/sh', `case " $* " in *" ${words} "*) ${kill} ;; esac`, `PATH='${path}' exec git "$@"`]
  writeFileSync(join(folder, 'git'), `${lines.join('\n')}\n`, { mode: 0o755 })
  writeFileSync(mute, '')
  return { env: { PATH: `${folder}:${path}`, OPENLOOM_MUST_FAIL_FIRST: 'yes' }, mute, asked }
}

const files = {
  '.gitignore': 'node_modules\n',
  'sum.sh': 'echo 3\n',
  'test.sh': 'test "$(bash sum.sh)" = 4\n',
  'lib/package.json': '{"dependencies":{"judge":"1.0.0"}}\n',
  'lib/node_modules/judge/package.json': '{"version":"1.0.0"}\n',
  'lib/node_modules/judge/run.sh': 'test "$(bash sum.sh)" = 4\n',
}

async function begin(words: string, command: string, check: string) {
  const { env, mute, asked } = muteAt(words)
  const story = await tell({
    env,
    script: [{ tool_calls: [{ name: 'bash', arguments: { command } }] }, { text: 'Done.' }],
  })
  const root = story.workspace('repo')
  commitFiles(root, files)
  writeFileSync(join(root, 'mine.txt'), 'nobody committed it')
  const body = { goal: 'Mend it', workspace: root, checks: [check], limits: { attempts: 1 } }
  const { id } = (await (await story.call('POST', '/api/tasks', body)).json()) as { id: string }
  await vi.waitFor(() => expect(existsSync(asked)).toBe(true))
  return { story, id, mute, head: git(root, 'rev-parse', 'HEAD') }
}

const fix = 'echo "echo 4" > sum.sh'

describe('git that is silent for a moment when a task begins', () => {
  const needsMine = { command: fix, check: 'run: bash test.sh && test -f mine.txt', verdict: 'works-only-here' }
  const patches = {
    ...{ command: 'echo true > lib/node_modules/judge/run.sh', check: 'run: bash lib/node_modules/judge/run.sh' },
    verdict: 'tampered',
  }

  it.each([
    ['the commit', 'HEAD^{commit}', needsMine],
    ['the files of the person', 'ls-files --others --exclude-standard -z', needsMine],
    ['where packages are', '--cached', patches],
  ])('is asked again for %s, and what judges is noted all the same', async (_, words, { command, check, verdict }) => {
    const { story, id, mute, head } = await begin(words, command, check)
    rmSync(mute)
    await expect.poll(async () => (await story.detail(id)).task.status, { timeout: 20_000 }).toMatch(/failed|paused/)
    const { task, attempts } = await story.detail(id)
    expect({ base: task.baseCommit, verdict: attempts[0]?.verdict }).toEqual({ base: head, verdict })
  })
})

describe('git that stays silent', () => {
  it.each(['HEAD^{commit}', '--cached'])(
    'at %s: nothing is sent, and a person is told and can resume',
    async (words) => {
      const { story, id, mute } = await begin(words, fix, 'run: bash test.sh')
      const { task } = await story.reaches('paused', id)
      expect(task.reason).toMatchObject({ code: 'git-silent', text: expect.stringContaining('ended by SIGKILL') })
      expect(story.requests).toEqual([])
      rmSync(mute)
      await story.call('POST', `/api/tasks/${id}/resume`)
      expect((await story.reaches('done', id)).attempts[0]?.verdict).toBe('verified')
    },
  )
})
