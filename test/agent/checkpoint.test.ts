import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { type ChangedRow, Checkpoint } from '../../src/agent/checkpoint.ts'
import { createFormat, formatSettingsSchema } from '../../src/agent/format.ts'
import { createTools } from '../../src/agent/tools/index.ts'
import { type FileState, isKeptState } from '../../src/core/session.ts'
import { Blobs } from '../../src/lib/blobs.ts'
import { childEnvironment } from '../../src/lib/process.ts'
import { agentWorld } from '../fakes/agent-world.ts'

const of = { runId: 'r1', callId: 'c1' }

function place() {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'checkpoint-')))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  const [cwd, dir] = [join(root, 'project'), join(root, 'kept', 's1')]
  mkdirSync(cwd)
  const put = (name: string, text: string) => {
    mkdirSync(dirname(join(cwd, name)), { recursive: true })
    writeFileSync(join(cwd, name), text)
  }
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd, stdio: 'pipe' }).toString()
  const commit = () => {
    git('init', '-q')
    git('add', '-A')
    git('commit', '-qm', 'x')
  }
  const open = (except: string[] = []) =>
    new Checkpoint({ cwd, dir, except, env: childEnvironment(process.env), owner: `test-kept-${process.pid}` })
  const said = (state: FileState) => (isKeptState(state) ? String(new Blobs(dir).get(state.sha256)) : state)
  const told = (rows: readonly ChangedRow[]) =>
    Object.fromEntries(
      rows.flatMap(({ files }) =>
        files.map(({ path, before, after }) => [relative(cwd, path), [said(before), said(after)]]),
      ),
    )
  return { cwd, dir, put, git, commit, open, told }
}

it('DU-7 what a command changed is told after a kill, though the note of before is torn', async () => {
  const { cwd, dir, put, commit, open, told } = place()
  for (let n = 0; n < 70; n++) put(`f${n}`, `${n}`)
  commit()
  put('new', 'mine')
  await open().before('r1')
  appendFileSync(join(dir, 'tree.jsonl'), '["f1","half of a li')
  put('f2', 'by the command')
  rmSync(join(cwd, '.git'), { recursive: true })
  rmSync(join(cwd, 'new'))
  const next = open()
  const rows = await next.after(of)
  // What git alone had is gone with it, and nobody is told otherwise.
  expect(told(rows)).toEqual({ f2: ['unknown', 'by the command'], new: ['mine', null] })
  await next.before('r1')
  expect(told(await open().after(of))).toEqual({})
})

it('DU-7 what a command changed is told again where the kill came before it was stored', async () => {
  const { put, open, told } = place()
  put('a', 'one')
  const killed = open()
  await killed.before('r1')
  put('a', 'two')
  for (const kept of [killed, open()]) expect(told(await kept.after(of))).toEqual({ a: ['one', 'two'] })
})

it('DU-7 sees a change of the same size whose time was set back, and of the mode, and not a mere touch', async () => {
  const { cwd, put, commit, open, told } = place()
  for (const name of ['a', 'b', 'c']) put(name, `${name}1`)
  commit()
  const old = new Date(2001, 1, 1)
  for (const name of ['a', 'b', 'c']) utimesSync(join(cwd, name), old, old)
  const kept = open()
  await kept.before('r1')
  put('a', 'a2')
  utimesSync(join(cwd, 'a'), old, old)
  chmodSync(join(cwd, 'b'), 0o711)
  utimesSync(join(cwd, 'c'), new Date(), new Date())
  expect(told(await kept.after(of))).toEqual({ a: ['a1', 'a2'], b: ['b1', 'b1'] })
})

it('DU-7 other ignore rules make no old file a new one, and what a person did between calls is theirs', async () => {
  const { put, commit, open, told } = place()
  put('.gitignore', 'out/\n')
  put('out/built', 'x')
  commit()
  const kept = open()
  await kept.before('r1')
  put('.gitignore', '')
  put('fresh', 'y')
  expect(told(await kept.after(of))).toEqual({ '.gitignore': ['out/\n', ''], fresh: [null, 'y'] })
  put('fresh', 'by a person')
  await kept.before('r1')
  put('out/built', 'x2')
  expect(told(await kept.after(of))).toEqual({ 'out/built': ['x', 'x2'] })
})

it('DU-7 leaves out inner repositories, dependencies and our own folder, and runs nothing that git names', async () => {
  const { cwd, put, commit, git, open, told } = place()
  put('a', 'a')
  put('.gitattributes', '* filter=evil\n')
  for (let n = 0; n < 70; n++) put(`f${n}`, `${n}`)
  commit()
  for (const key of ['core.fsmonitor', 'filter.evil.clean', 'filter.evil.smudge', 'diff.external']) {
    git('config', key, `sh -c 'touch ${join(cwd, '..', 'ran')}; cat'`)
  }
  const kept = open([join(cwd, 'data')])
  await kept.before('r1')
  const inner = ['node_modules/m/i.js', 'inner/.git/HEAD', 'inner/file', 'data/openloom.db']
  for (const name of [...inner, 'f3']) put(name, 'new')
  expect(told(await kept.after(of))).toEqual({ inner: [null, 'null'], f3: ['3', 'new'] })
  expect(existsSync(join(cwd, '..', 'ran'))).toBe(false)
})

it('DU-7 too many changes are told as not covered, and too large a file as not known', async () => {
  const { put, open, told } = place()
  put('large', 'x'.repeat(9 * 1024 * 1024))
  const kept = open()
  await kept.before('r1')
  put('large', 'y')
  expect(told(await kept.after(of))).toEqual({ large: ['unknown', 'y'] })
  await kept.before('r1')
  for (let n = 0; n < 2_001; n++) put(`many/${n}`, '')
  expect(await kept.after(of)).toEqual([
    { type: 'changed', ...of, files: [], uncovered: '2002 files changed, which is more than 2000' },
  ])
})

it('SU-3 shows what a formatter changed beside its file, and what a command in the background did later', async () => {
  const root = mkdtempSync(join(tmpdir(), 'kept-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  const command = ['sh', '-c', 'echo formatted > "$1"; echo side > side.txt', 'sh', '{file}']
  const formats = formatSettingsSchema.parse({ custom: [{ files: '*.fmt', command }] })
  expect(createFormat(formats, false)).not.toBeNull()
  const call = (name: string, args: Record<string, unknown>) => ({ tool_calls: [{ name, arguments: args }] })
  const world = await agentWorld(
    [
      call('write', { file_path: 'a.fmt', content: 'raw' }),
      call('bash', { command: 'until [ -e go ]; do sleep 0.01; done; echo late > late.txt', run_in_background: true }),
      call('bash', { command: 'touch go; until [ -s late.txt ]; do sleep 0.01; done' }),
      call('bash', { command: 'ls' }),
      { text: 'done' },
    ],
    { tools: createTools(), formats, checkpointRoot: root },
  )
  await world.run('go')
  const rows = world.entries().flatMap((entry) => (entry.type === 'changed' ? [entry] : []))
  const names = rows.map(({ files }) => files.map(({ path }) => relative(world.workspace, path)).sort())
  expect(names).toEqual([['side.txt'], ['go', 'late.txt']])
  // A call that only reads is not looked around at all.
  const looked = world.entries().flatMap((entry) => (entry.type === 'tool.started' && entry.looked ? [entry] : []))
  expect(looked).toHaveLength(2)
  expect(readdirSync(root)).toEqual([world.sessionId])
  expect(readFileSync(join(root, world.sessionId, 'tree.jsonl'), 'utf8')).toContain('late.txt')
})
