/** The files of a session of our own agent: what its calls and commands changed, shown and brought back. */
import { execFileSync } from 'node:child_process'
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, it } from 'vitest'
import { openCheckpoint } from '../../src/agent/checkpoint.ts'
import type { FileDiff, JournalEntry } from '../../src/core/session.ts'
import { childEnvironment } from '../../src/lib/process.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import type { Restored, SessionDiff, SessionSteps, Undone } from '../../src/server/api.ts'
import { talk } from '../fakes/talk.ts'

const call = (name: string, args: Record<string, unknown>) => ({ tool_calls: [{ name, arguments: args }] })
const bash = (command: string) => call('bash', { command })
const write = (file: string, content: string) => call('write', { file_path: file, content })

const script: ScriptInput = {
  conversations: [
    {
      match: 'five steps',
      replies: [...[1, 2, 3, 4, 5].map((n) => write(`f${n}.txt`, `${n}\n`)), { text: 'all five' }],
    },
    {
      match: 'change it',
      replies: [
        call('read', { file_path: 'old.txt' }),
        call('edit', { file_path: 'old.txt', old_string: 'one', new_string: 'two' }),
        { text: 'changed' },
      ],
    },
    {
      match: 'by commands',
      replies: [
        bash('printf new > made.txt && mkdir -p deep/er empty && printf 1 > deep/er/one'),
        bash("sed -i 's/one/two/' a.txt && chmod 700 a.txt"),
        bash('rm crlf.txt && mv b.txt deep/c.txt && ln -s a.txt link && echo x > ignored.log'),
        bash('chmod +x script && rm -r folder && mkdir folder2'),
        bash('printf 5 >> a.txt; git status --short; printf 5 > five && printf "*.tmp" > .gitignore'),
        { text: 'all done' },
      ],
    },
  ],
  replies: [{ text: 'I hear you.' }],
  at_end: 'repeat',
}

/** Everything below a folder but git's own: mode and content. */
function lying(folder: string): Record<string, string> {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => !/^\.git(\/|$)/.test(path))
  return Object.fromEntries(
    paths.sort().map((path) => {
      const stat = lstatSync(join(folder, path))
      const content = stat.isFile() ? readFileSync(join(folder, path), 'utf8') : ''
      return [path, `${stat.mode.toString(8)} ${content}`]
    }),
  )
}

it('DU-7 undoing from step 3 of 5 restores files and leaves the index of git alone', async () => {
  const t = await talk(script)
  mkdirSync(join(t.folder, '.git'))
  writeFileSync(join(t.folder, '.git', 'index'), 'not to be touched')
  const index = () => [readFileSync(join(t.folder, '.git', 'index'), 'utf8'), readdirSync(join(t.folder, '.git'))]
  const before = index()
  await t.say('five steps, please')
  const { items } = await t.get<SessionSteps>(`/api/sessions/${t.id}/steps`)
  expect(items.map(({ tool, changes }) => [tool, changes.length])).toEqual(Array(5).fill(['write', 1]))
  const done = await t.post<Restored>(`/api/sessions/${t.id}/restore`, { from: items[2]?.callId })
  expect([done.restored.length, done.refused]).toEqual([3, []])
  expect(readdirSync(t.folder).sort()).toEqual(['.git', 'f1.txt', 'f2.txt'])
  expect(index()).toEqual(before)
  expect((await t.get<{ items: FileDiff[] }>(`/api/sessions/${t.id}/diff`)).items.map(({ path }) => path)).toEqual([
    'f1.txt',
    'f2.txt',
  ])
})

it('DU-7 undoing from step 3 of 5 takes back what commands did, bytes and modes, and not the index', async () => {
  const t = await talk(script)
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd: t.folder })
  const file = (name: string, text: string, mode = 0o644) => {
    mkdirSync(dirname(join(t.folder, name)), { recursive: true })
    writeFileSync(join(t.folder, name), text)
    chmodSync(join(t.folder, name), mode)
  }
  git('init', '-q')
  git('config', 'core.safecrlf', 'false')
  git('config', 'core.autocrlf', 'true')
  file('a.txt', 'one\n', 0o640)
  file('b.txt', 'b\n')
  file('crlf.txt', 'x\r\ny\r\n')
  file('script', '#!/bin/sh\n')
  file('folder/inner/f', 'f', 0o600)
  file('.gitignore', '*.log\n*.tmp\n')
  file('old.tmp', 'ignored before')
  for (let n = 0; n < 80; n++) file(`many/${n}.txt`, `${n}\n`)
  git('add', '-A')
  git('commit', '-qm', 'x')
  file('staged.txt', 'staged')
  git('add', 'staged.txt')
  file('staged.txt', 'staged, then changed')
  const index = () =>
    [readFileSync(join(t.folder, '.git', 'index')), git('stash', 'list'), git('branch', '-a')].map(String)
  const [indexBefore, before] = [index(), lying(t.folder)]
  await t.say('by commands')
  const { items } = await t.get<SessionSteps>(`/api/sessions/${t.id}/steps`)
  expect(items.map(({ tool, changes }) => [tool, changes.map(({ path }) => relative(t.folder, path)).sort()])).toEqual([
    ['bash', ['deep', 'deep/er', 'deep/er/one', 'empty', 'made.txt']],
    ['bash', ['a.txt']],
    ['bash', ['b.txt', 'crlf.txt', 'deep/c.txt', 'link']],
    ['bash', ['folder', 'folder/inner', 'folder/inner/f', 'folder2', 'script']],
    ['bash', ['.gitignore', 'a.txt', 'five']],
  ])
  const diff = (await t.get<{ items: FileDiff[] }>(`/api/sessions/${t.id}/diff`)).items
  expect(diff.find(({ path }) => path === 'a.txt')?.patch).toContain('-one\n+two\n+5')
  expect(diff.find(({ path }) => path === 'crlf.txt')?.patch).toContain('-x\r\n-y\r\n')
  expect(diff.map(({ path }) => path)).not.toContain('empty')
  const done = await t.post<Restored>(`/api/sessions/${t.id}/restore`, { from: items[2]?.callId })
  expect(done.refused).toEqual([])
  const { 'a.txt': a, 'made.txt': made, ...rest } = lying(t.folder)
  expect([a, made]).toEqual(['100700 two\n', '100644 new'])
  expect(Object.keys(rest).filter((path) => !(path in before))).toEqual([
    'deep',
    'deep/er',
    'deep/er/one',
    'empty',
    'ignored.log',
  ])
  await t.post<Restored>(`/api/sessions/${t.id}/restore`)
  rmSync(join(t.folder, 'ignored.log'))
  expect(lying(t.folder)).toEqual(before)
  expect(index()).toEqual(indexBefore)
})

it('SU-3 what a shell line of the person changed is shown and reverted, unless it changed since', async () => {
  const t = await talk(script)
  writeFileSync(join(t.folder, 'old.txt'), 'one\n', { mode: 0o604 })
  const typed = () => t.post(`/api/sessions/${t.id}/type`, { line: "sed -i 's/one/two/' old.txt; echo n > new.txt" })
  await typed()
  const paths = async () =>
    (await t.get<{ items: FileDiff[] }>(`/api/sessions/${t.id}/diff`)).items.map(({ path }) => path)
  expect((await paths()).sort()).toEqual(['new.txt', 'old.txt'])
  writeFileSync(join(t.folder, 'new.txt'), 'mine')
  const { restored, refused } = await t.post<Restored>(`/api/sessions/${t.id}/restore`)
  expect([restored.map(({ path }) => path), refused.map(({ why }) => why)]).toEqual([
    [join(t.folder, 'old.txt')],
    ['It changed since.'],
  ])
  expect([readFileSync(join(t.folder, 'old.txt'), 'utf8'), statSync(join(t.folder, 'old.txt')).mode & 0o777]).toEqual([
    'one\n',
    0o604,
  ])
})

it('DU-7 what a command did in whose middle its chat was killed is taken back without going on', async () => {
  const t = await talk(script)
  writeFileSync(join(t.folder, 'old.txt'), 'one\n')
  const { store } = t.story.daemon
  const root = join(t.story.folder, 'data', 'checkpoints')
  const session = store.sessions.session(t.id)
  if (!session) throw new Error('there is no session')
  const env = childEnvironment(process.env)
  await openCheckpoint(session, { root, env, owner: `test-killed-${process.pid}` }).before('r_chat')
  const run = { runId: 'r_chat', promptId: 'chat_1', resumed: false, model: 'm', provider: 'p' }
  store.sessions.append(
    t.id,
    { type: 'prompt', promptId: 'chat_1', text: 'from a terminal' },
    { type: 'run.started', ...run },
    { type: 'tool.started', runId: 'r_chat', callId: 'c1', readOnly: false, looked: true },
  )
  writeFileSync(join(t.folder, 'old.txt'), 'two\n')
  mkdirSync(join(t.folder, 'made'))
  const { files } = await t.post<Undone>(`/api/sessions/${t.id}/undo`, { files: true })
  expect([files?.restored.length, files?.refused]).toEqual([2, []])
  expect([readdirSync(t.folder), readFileSync(join(t.folder, 'old.txt'), 'utf8')]).toEqual([['old.txt'], 'one\n'])
})

it('SU-3 a revert restores bytes and mode, and names a file that changed since', async () => {
  const t = await talk(script)
  const path = join(t.folder, 'old.txt')
  const bytes = Buffer.from('\ufeffone\r\nmore\r\n')
  writeFileSync(path, bytes, { mode: 0o750 })
  await t.say('change it')
  const { items, uncovered } = await t.get<SessionDiff>(`/api/sessions/${t.id}/diff`)
  expect(items).toMatchObject([{ path: 'old.txt', status: 'changed', additions: 1, deletions: 1 }])
  expect(uncovered).toEqual([])
  expect(items[0]?.patch).toContain('-one')
  const changed = readFileSync(path)
  writeFileSync(path, 'mine')
  const undone = await t.post<Undone>(`/api/sessions/${t.id}/undo`, { files: true })
  expect(undone.files).toMatchObject({ restored: [], refused: [{ why: 'It changed since.' }] })
  expect(readFileSync(path, 'utf8')).toBe('mine')
  writeFileSync(path, changed)
  const { restored } = await t.post<Restored>(`/api/sessions/${t.id}/restore`)
  expect([restored.length, statSync(path).mode & 0o777]).toEqual([1, 0o750])
  expect(readFileSync(path).equals(bytes)).toBe(true)
  const row: JournalEntry = { type: 'changed', runId: 'r_1', callId: 'c_1', files: [], uncovered: '2002 files changed' }
  t.story.daemon.store.sessions.append(t.id, row)
  expect(await t.get<SessionDiff>(`/api/sessions/${t.id}/diff`)).toEqual({
    items: [],
    uncovered: ['What a command changed here is not known: 2002 files changed.'],
  })
})
