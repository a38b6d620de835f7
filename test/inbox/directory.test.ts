/** The inbox folder by itself: what it hands on, when, under which name it puts it aside, and what it says. */
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { archiveName, candidateOf } from '../../src/inbox/candidates.ts'
import { type FileOutcome, InboxDirectory, type InboxFile } from '../../src/inbox/directory.ts'
import { HandClock } from '../fakes/clock.ts'

let dir: string
let clock: HandClock
let directory: InboxDirectory
let taken: InboxFile[]
let changed: { taskId: string; text: string }[]
let alarms: Map<string, string>
let answer: (file: InboxFile) => FileOutcome

const textOf = (file: InboxFile): string => Buffer.from(file.bytes).toString()
const names = (): string[] => readdirSync(dir).sort()
const write = (name: string, text = `# ${name}\n`): void => writeFileSync(join(dir, name), text)

beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'loom-inbox-')), 'inbox')
  mkdirSync(dir)
  clock = new HandClock()
  taken = []
  changed = []
  alarms = new Map()
  answer = (file) => ({ kind: 'accepted', taskId: `t_${file.name.slice(0, 3)}` })
  directory = new InboxDirectory({
    dir,
    clock,
    sweepMs: 30_000,
    quietMs: 2_000,
    take: async (file) => {
      taken.push(file)
      return answer(file)
    },
    changed: async (taskId, file) => void changed.push({ taskId, text: textOf(file) }),
    alarm: (code, text) => void (text === null ? alarms.delete(code) : alarms.set(code, text)),
  })
})
afterEach(async () => {
  await directory.close()
  rmSync(join(dir, '..'), { recursive: true, force: true })
})

describe('a name', () => {
  it.each(['a.md', 'A.MD', 'with space.md', 'größe.md', 'a.b.md', '-rf.md', '$(id).md'])('%s may be a task', (name) => {
    expect(candidateOf(name)).toBe('task')
  })

  it.each([
    ...[
      'a.txt',
      'a',
      '.hidden.md',
      '.a.md.swp',
      '~$a.md',
      'a.md~',
      '#a.md#',
      '4913',
      'a.md.tmp',
      'a.tmp.md',
      'a.part.md',
    ],
    ...['.syncthing.a.md.tmp', 'a.crdownload', '.a.md.icloud', 'README.md', 'readme.md'],
    ...['processed-t_1-a.md', 'rejected-12345678-a.md', 'a.problems.md'],
  ])('%s is left alone', (name) => {
    expect(candidateOf(name)).toBe('ignored')
  })

  it.each(['a.sync-conflict-20260101-000000-ABC.md', "a (Ann's conflicted copy 2026-01-01).md", 'a (conflict).md'])(
    '%s is a copy that nobody asked for',
    (name) => expect(candidateOf(name)).toBe('conflict'),
  )

  it('put aside keeps its ending and fits the file system', () => {
    expect(archiveName('processed-t_1-', 'a.md')).toBe('processed-t_1-a.md')
    expect(archiveName('p-', 'two\nlines\u001b.md')).toBe('p-two_lines_.md')
    const long = archiveName('processed-t_1-', `${'🧵'.repeat(63)}.md`, '.problems.md')
    expect(Buffer.byteLength(long)).toBeLessThanOrEqual(255)
    expect(long).toMatch(/^processed-t_1-(🧵)+\.md\.problems\.md$/u)
  })
})

describe('a file', () => {
  it('is handed on with its bytes and put aside under the task', async () => {
    write('one.md', 'Do it.\n')
    await directory.scan()
    expect(taken.map(({ name, problem }) => ({ name, problem }))).toEqual([{ name: 'one.md', problem: null }])
    expect(textOf(taken[0] as InboxFile)).toBe('Do it.\n')
    expect(names()).toEqual(['processed-t_one-one.md'])
  })

  it('that is refused is put aside with the reasons, by line', async () => {
    answer = () => ({ kind: 'rejected', problems: [{ kind: 'x', text: 'It is wrong.', todo: 'Mend it.', line: 3 }] })
    write('one.md')
    await directory.scan()
    const [file = '', page = ''] = names()
    expect(file).toMatch(/^rejected-[0-9a-f]{8}-one\.md$/)
    expect(page).toBe(`${file}.problems.md`)
    expect(readFileSync(join(dir, page), 'utf8')).toContain('- line 3: It is wrong. Mend it.')
  })

  it('comes with the others in the order in which they were written', async () => {
    for (const [i, name] of ['c.md', 'a.md', 'b.md'].entries()) {
      write(name)
      utimesSync(join(dir, name), 1_000 + i, 1_000 + i)
    }
    write('z.md')
    utimesSync(join(dir, 'z.md'), 1_001, 1_001)
    await directory.scan()
    expect(taken.map(({ name }) => name)).toEqual(['c.md', 'a.md', 'z.md', 'b.md'])
  })

  it('has a key that another copy, a later change and other bytes do not have', async () => {
    const keys = new Set<string>()
    for (const text of ['# x\n', '# x\n', '# y\n']) {
      write('one.md', text)
      await directory.scan()
      keys.add(taken.at(-1)?.key ?? '')
    }
    expect(keys.size).toBe(3)
  })

  it('waits while it is empty', async () => {
    write('one.md', '')
    await directory.scan()
    expect(taken).toEqual([])
    write('one.md', 'Now.\n')
    await directory.scan()
    expect(taken).toHaveLength(1)
  })

  it('that could not be stored stays, with an alarm, and is taken later', async () => {
    answer = () => {
      throw new Error('database or disk is full')
    }
    write('one.md')
    await directory.scan()
    expect(names()).toEqual(['one.md'])
    expect(alarms.get('inbox')).toContain('disk is full')
    answer = () => ({ kind: 'accepted', taskId: 't_1' })
    await directory.scan()
    expect(names()).toEqual(['processed-t_1-one.md'])
    expect(alarms.size).toBe(0)
  })

  it('that vanished before it was read is nobody’s fault', async () => {
    write('a.md')
    write('b.md')
    answer = () => {
      rmSync(join(dir, 'b.md'), { force: true })
      return { kind: 'accepted', taskId: 't_1' }
    }
    utimesSync(join(dir, 'a.md'), 1_000, 1_000)
    await directory.scan()
    expect(taken.map(({ name }) => name)).toEqual(['a.md'])
    expect(alarms.size).toBe(0)
  })

  it('that vanished before it could be renamed raises no alarm', async () => {
    write('one.md')
    answer = () => {
      rmSync(join(dir, 'one.md'))
      return { kind: 'accepted', taskId: 't_1' }
    }
    await directory.scan()
    expect(alarms.size).toBe(0)
    expect(names()).toEqual([])
  })
})

describe.runIf(process.platform === 'linux')('a writer', () => {
  it('that keeps the file open is waited for', async () => {
    const file = await open(join(dir, 'slow.md'), 'w')
    await file.write('first half, ')
    for (let look = 0; look < 3; look++) {
      await directory.scan()
      await clock.advance(10_000)
    }
    expect(taken).toEqual([])
    await file.write('second half')
    await file.close()
    await directory.scan()
    expect(taken.map(textOf)).toEqual(['first half, second half'])
  })

  it('that writes to a file after it was taken is not ignored, though new files keep coming', async () => {
    write('one.md', 'first\n')
    await directory.scan()
    const aside = join(dir, 'processed-t_one-one.md')
    writeFileSync(aside, 'first\nsecond\n')
    utimesSync(aside, 2_000, 2_000)
    for (const name of ['two.md', 'three.md', 'four.md']) {
      await clock.advance(200)
      write(name)
      await directory.scan()
    }
    await vi.waitFor(() => expect(changed).toEqual([{ taskId: 't_one', text: 'first\nsecond\n' }]))
    await clock.advance(60_000)
    expect(changed).toHaveLength(1)
  })

  it('that only touches a file after it was taken says nothing new', async () => {
    for (const name of ['one.md', 'two.md']) {
      write(name)
      await directory.scan()
    }
    utimesSync(join(dir, 'processed-t_one-one.md'), 2_000, 2_000)
    const told = join(dir, 'processed-t_two-two.md')
    writeFileSync(told, 'more\n')
    utimesSync(told, 2_000, 2_000)
    await clock.advance(500)
    await vi.waitFor(() => expect(changed.map(({ taskId }) => taskId)).toEqual(['t_two']))
  })
})

describe('what is no plain file', () => {
  it('is refused unread: links, FIFOs; folders are left alone', async () => {
    const secret = join(dir, '..', 'secret.md')
    writeFileSync(secret, 'secret')
    symlinkSync(secret, join(dir, 'link.md'))
    symlinkSync('/nowhere', join(dir, 'broken.md'))
    execFileSync('mkfifo', [join(dir, 'pipe.md')])
    mkdirSync(join(dir, 'folder.md'))
    answer = (file) => ({ kind: 'rejected', problems: file.problem ? [file.problem] : [] })
    await directory.scan()
    expect(taken.map(({ name, problem, bytes }) => [name, problem?.kind, bytes.length]).sort()).toEqual([
      ['broken.md', 'not-a-file', 0],
      ['link.md', 'not-a-file', 0],
      ['pipe.md', 'not-a-file', 0],
    ])
    expect(existsSync(join(dir, 'folder.md'))).toBe(true)
    expect(readFileSync(secret, 'utf8')).toBe('secret')
  })

  it('a second name of one file is a file of its own', async () => {
    write('one.md')
    linkSync(join(dir, 'one.md'), join(dir, 'two.md'))
    await directory.scan()
    expect(taken).toHaveLength(2)
  })

  it('a copy of a sync conflict is refused unread', async () => {
    write('a (conflict).md')
    answer = (file) => ({ kind: 'rejected', problems: file.problem ? [file.problem] : [] })
    await directory.scan()
    expect(taken[0]).toMatchObject({ problem: { kind: 'conflict-copy' } })
  })

  it('a file larger than a task is read no further than that', async () => {
    write('large.md', 'x'.repeat(2_000_000))
    await directory.scan()
    expect(taken[0]?.bytes.length).toBe(256 * 1024 + 1)
  })
})

describe('the folder', () => {
  it('is made when it is not there, and made anew when it was removed', async () => {
    rmSync(dir, { recursive: true })
    await directory.open()
    expect(existsSync(dir)).toBe(true)
    await directory.scan()
    rmSync(dir, { recursive: true })
    await directory.scan()
    write('one.md')
    await directory.scan()
    expect(names()).toEqual(['processed-t_one-one.md'])
  })

  it('that is no folder is said, and found again when it is one', async () => {
    renameSync(dir, `${dir}.away`)
    writeFileSync(dir, 'no folder')
    await directory.scan()
    expect(alarms.get('inbox')).toContain('cannot be worked')
    rmSync(dir)
    renameSync(`${dir}.away`, dir)
    write('one.md')
    await directory.scan()
    expect(taken).toHaveLength(1)
    expect(alarms.size).toBe(0)
  })

  it('is swept though no watcher tells', async () => {
    await directory.open()
    await directory.scan()
    write('one.md')
    await clock.advance(30_000)
    await directory.scan()
    expect(taken).toHaveLength(1)
  })

  it('hands nothing on after it was closed', async () => {
    await directory.open()
    await directory.close()
    write('one.md')
    await clock.advance(60_000)
    expect(taken).toEqual([])
  })
})
