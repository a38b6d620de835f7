import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { startDaemon } from '../../src/daemon.ts'
import { tell } from '../fakes/story.ts'

const writes = (path: string, content: string) => ({ name: 'write', arguments: { file_path: path, content } })

describe('a dropped markdown file', () => {
  it('becomes a task that is refuted, done anew, verified and notified', async () => {
    const story = await tell({
      script: {
        replies: [
          { text: 'All is done, hello.txt is written.' },
          { tool_calls: [writes('hello.txt', 'hello world\n')] },
          { text: 'Now it really is.' },
        ],
      },
    })
    const workspace = story.workspace()
    story.drop(
      'hello.md',
      `# Say hello\n\nworkspace: ${workspace}\n\n## goal\n\nWrite hello.txt.\n\n## checks\n\n- file: hello.txt\n`,
    )
    const { task, attempts } = await story.reaches('done')
    expect(task).toMatchObject({ title: 'Say hello', verdict: 'verified', attempt: 2, source: 'inbox' })
    expect(attempts.map((attempt) => [attempt.claim, attempt.verdict])).toEqual([
      ['All is done, hello.txt is written.', 'refuted'],
      ['Now it really is.', 'verified'],
    ])
    expect(attempts[1]?.prompt).toContain('hello.txt does not exist')
    expect(readFileSync(join(workspace, 'hello.txt'), 'utf8')).toBe('hello world\n')
    await vi.waitFor(() => expect(story.inboxNames()).toEqual([`processed-${task.id}-hello.md`]))
    await vi.waitFor(() => expect(story.notifications().map((n) => n.event)).toContain('TASK_COMPLETED'))
    expect(story.notifications().every((notice) => notice.task_id === task.id)).toBe(true)
  })

  it('that cannot be read as a task is set aside with its problems and their lines', async () => {
    const story = await tell()
    story.drop('bad.md', '---\nworkspac: /tmp\n---\n# Title\n\n## goal\n\nx\n\n## checks\n\n- run npm test\n')
    await vi.waitFor(() => expect(story.inboxNames()).not.toContain('bad.md'))
    const [file, page] = story.inboxNames()
    expect(file).toMatch(/^rejected-[0-9a-f]{8}-bad\.md$/)
    const text = readFileSync(join(story.inbox, page ?? ''), 'utf8')
    expect(text).toContain('line 2: "workspac" is not a key of a task. Did you mean "workspace"?')
    expect(text).toContain('line 12:')
    await vi.waitFor(() => expect(story.notifications()[0]?.event).toBe('LOG_LINE'))
  })

  it('without any check ends done and unverified, everywhere', async () => {
    const story = await tell()
    story.drop('free.md', `workspace: ${story.workspace()}\n\nJust think about it.\n`)
    const { task } = await story.reaches('done')
    expect(task.verdict).toBe('unverified')
    const { items } = (await (await story.call('GET', '/api/tasks')).json()) as { items: { verdict: string }[] }
    expect(items[0]?.verdict).toBe('unverified')
  })

  it('is refused when it wants to work where no agent may', async () => {
    const story = await tell()
    for (const place of ['/', '/etc', story.folder])
      story.drop(`x${place.length}.md`, `workspace: ${place}\n\nDo it.\n`)
    await vi.waitFor(() => expect(story.inboxNames().filter((name) => name.endsWith('problems.md'))).toHaveLength(3))
    expect(story.daemon.store.tasks.page({ limit: 5 }).items).toEqual([])
  })
})

describe('the sample', () => {
  it('shows the whole way on a scripted model, and says that it is scripted', async () => {
    const home = mkdtempSync(join(tmpdir(), 'loom-sample-'))
    const env = { HOME: home, PATH: process.env.PATH, OPENLOOM_UI_PORT: '0', OPENLOOM_DATA_DIR: join(home, 'data') }
    const loaded = loadConfig({ cwd: home, env })
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
    const started = await startDaemon(loaded.value, { env })
    if (!started.ok) throw new Error(JSON.stringify(started.problems))
    const daemon = started.value
    onTestFinished(async () => {
      await daemon.stop(true)
      rmSync(home, { recursive: true, force: true })
      if (daemon.sampleFolder) rmSync(daemon.sampleFolder, { recursive: true, force: true })
    })
    const first = () => daemon.store.tasks.page({ limit: 1 }).items[0]
    await vi.waitFor(() => expect(first()).toMatchObject({ status: 'done', verdict: 'verified' }))
    expect(daemon.store.attempts.of(first()?.id ?? '').map((attempt) => attempt.verdict)).toEqual([
      'refuted',
      'verified',
    ])
    const headers = { authorization: `Bearer ${daemon.token}` }
    expect(await (await fetch(`${daemon.url}/api/state`, { headers })).json()).toMatchObject({
      sample: true,
      runtimes: [{ ready: true, detail: expect.stringContaining('scripted') }, { name: 'opencode' }],
    })
    const notices = join(daemon.sampleFolder ?? '', 'notifications')
    await vi.waitFor(() => expect(readdirSync(notices).some((name) => name.includes('TASK_COMPLETED'))).toBe(true))
  })
})

describe('the data directory', () => {
  it('is for its owner alone, and so is the token', async () => {
    const story = await tell()
    const data = join(story.folder, 'data')
    expect(statSync(data).mode & 0o777).toBe(0o700)
    expect(statSync(join(data, 'token')).mode & 0o777).toBe(0o600)
  })

  it('serves one daemon at a time', async () => {
    const story = await tell()
    const env = {
      HOME: story.folder,
      OPENLOOM_DATA_DIR: join(story.folder, 'data'),
      OPENLOOM_UI_PORT: '0',
      OPENLOOM_SAMPLE: 'off',
    }
    const loaded = loadConfig({ cwd: story.folder, env })
    const second = loaded.ok ? await startDaemon(loaded.value, { env }) : loaded
    expect(second).toMatchObject({ ok: false, problems: [{ kind: 'already-running' }] })
    expect(JSON.stringify(second)).toContain(String(process.pid))
    expect(existsSync(join(story.folder, 'data', 'daemon.json'))).toBe(true)
  })
})
