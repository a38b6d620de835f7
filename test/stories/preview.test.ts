/** What a text would become, asked before it is sent: the same parser and the same policy, and nothing is stored. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { TaskPage, TaskPreview, WorkspaceList } from '../../src/server/api.ts'
import { tell } from '../fakes/story.ts'

describe('a task that is still being written', () => {
  it('is shown as it would be taken: title, checks, folder and limits', async () => {
    const story = await tell()
    const workspace = story.workspace()
    const markdown = `# Say hello

workspace: ${workspace}
isolation: none

## goal
Write hello.txt.

## steps
1. Write it
   - file: hello.txt

## checks
- run: test -s hello.txt
\`\`\`yaml
- kind: command
  run: [test, -f, hello.txt]
\`\`\`
`
    const preview = (await (await story.call('POST', '/api/tasks/preview', { markdown })).json()) as TaskPreview
    expect(preview.problems).toEqual([])
    expect(preview.spec).toMatchObject({ title: 'Say hello', goal: 'Write hello.txt.' })
    expect(preview.checks).toEqual([
      { title: 'file: hello.txt', step: 0, line: 'file: hello.txt' },
      { title: 'run: test -s hello.txt', step: null, line: 'run: test -s hello.txt' },
      { title: 'run: test -f hello.txt', step: null, line: null },
    ])
    expect(preview.task).toMatchObject({ workspace, runtime: 'builtin' })
    expect(preview.task?.spec.limits.attempts).toBeGreaterThan(0)
    const { items } = (await (await story.call('GET', '/api/tasks')).json()) as TaskPage
    expect(items).toEqual([])
  })

  it('that would be refused says why, with lines where the text is wrong', async () => {
    const story = await tell()
    const ask = async (markdown: string) =>
      (await (await story.call('POST', '/api/tasks/preview', { markdown })).json()) as TaskPreview
    const wrong = await ask('---\nworkspac: /tmp\n---\n# Title\n\n## goal\nx\n\n## checks\n- run npm test\n')
    expect(wrong.spec).toBeNull()
    expect(wrong.problems.map(({ line }) => line)).toEqual([2, 10])
    const nowhere = await ask(`# Title\n\nworkspace: ${join(story.folder, 'nowhere')}\n\n## checks\n- file: a\n`)
    expect(nowhere).toMatchObject({ task: null, spec: { title: 'Title' }, problems: [{ kind: 'workspace-missing' }] })
    expect(nowhere.checks).toHaveLength(1)
    expect((await ask('approve: per_1')).problems[0]?.kind).toBe('not-a-task')
    expect((await ask('')).problems[0]?.kind).toBe('empty')
  })

  it('is offered the folders that were worked in, the latest first', async () => {
    const story = await tell()
    const [one, two] = [story.workspace('one'), story.workspace('two')]
    for (const workspace of [one, two]) {
      await story.call('POST', '/api/tasks', { markdown: `workspace: ${workspace}\n\nLook around.\n` })
      const { items } = (await (await story.call('GET', '/api/tasks')).json()) as TaskPage
      await story.reaches('done', items[0]?.id)
    }
    const { recent } = (await (await story.call('GET', '/api/workspaces')).json()) as WorkspaceList
    expect(recent).toEqual([two, one])
  })
})
