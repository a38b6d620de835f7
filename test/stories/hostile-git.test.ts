/** A repository whose settings name programs: from the start of a task to its verdict the daemon runs none of them. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { commitFiles, git } from '../fakes/repository.ts'
import { tell } from '../fakes/story.ts'

const files = {
  'sum.sh': 'echo 3\n',
  'test.sh': 'test "$(bash sum.sh)" = 4\n',
  '.gitattributes': '* filter=x diff=x\n',
}
const cheat = { tool_calls: [{ name: 'bash', arguments: { command: 'echo true > test.sh' } }] }

it.each([
  'filter.x.clean',
  'filter.x.process',
  'filter.x.smudge',
  'diff.x.textconv',
  'diff.x.command',
  'core.fsmonitor',
])('runs nothing that its %s names, and still sees what the work changed', async (key) => {
  const story = await tell({ env: { OPENLOOM_MUST_FAIL_FIRST: 'yes' }, script: [cheat, { text: 'Done.' }] })
  const root = story.workspace('repo')
  commitFiles(root, files)
  const ran = join(story.folder, 'RAN')
  git(root, 'config', key, `touch '${ran}'; cat`)
  git(root, 'config', 'filter.x.required', 'true')
  // Something of each kind is there to be looked at: a test that is not committed as it lies, and a file of the person.
  writeFileSync(join(root, 'test.sh'), `${files['test.sh']}# mine\n`)
  writeFileSync(join(root, 'mine.txt'), 'x')
  const body = { goal: 'Mend it', workspace: root, checks: ['run: bash test.sh'], limits: { attempts: 1 } }
  const { id } = (await (await story.call('POST', '/api/tasks', body)).json()) as { id: string }
  await expect.poll(async () => (await story.detail(id)).task.status, { timeout: 20_000 }).toMatch(/done|failed|paused/)
  const { attempts } = await story.detail(id)
  expect({ ran: existsSync(ran), verdict: attempts[0]?.verdict }).toEqual({ ran: false, verdict: 'tampered' })
  expect(attempts[0]?.checks.at(-1)?.evidence.summary).toContain('test.sh')
})
