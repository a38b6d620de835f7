/** What a task leaves in its checkout, and what the next one finds there. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Rooms } from '../../src/harness/rooms.ts'
import { BlobIds } from '../../src/lib/blob-ids.ts'
import { openLog, Secrets } from '../../src/lib/log.ts'
import { childEnvironment } from '../../src/lib/process.ts'
import { resultOf } from '../../src/lib/result.ts'
import { HandClock } from '../fakes/clock.ts'

let home: string
let root: string
const env = childEnvironment(process.env)
const clock = new HandClock()
const ids = new BlobIds()

beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'loom-rooms-')))
  root = join(home, 'work')
  mkdirSync(root)
  writeFileSync(join(root, 'a.txt'), 'a\n')
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, env })
  git('init', '-q', '-b', 'main')
  git('add', '--all')
  git('-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '-q', '-m', 'start')
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const opened = () => new Rooms({ folder: join(home, 'trees'), clock, log: openLog('silent', new Secrets()) })

async function filled(rooms: Rooms, task: string, keep: string[] = []) {
  const git = { cwd: root, env, owner: 'test/rooms' }
  const result = await resultOf({ ...git, ids, baseCommit: null, untrackedBefore: new Map() })
  if (typeof result === 'string') throw new Error(result)
  const room = rooms.take(task, root)
  mkdirSync(join(home, 'trees'), { recursive: true })
  await room.tree.update(result, git, new Set(keep))
  return room.tree.path
}

describe('a checkout that a task has left', () => {
  it('is taken by the next one in the same work tree, which copies only what differs', async () => {
    const rooms = opened()
    const first = await filled(rooms, 't_1')
    const { ino } = statSync(join(first, 'a.txt'))
    await rooms.give('t_1')
    expect(await filled(rooms, 't_2')).toBe(first)
    expect(statSync(join(first, 'a.txt')).ino).toBe(ino)
    expect(rooms.take('t_3', root).tree.path).not.toBe(first)
    expect(rooms.take('t_4', '/elsewhere').tree.path).not.toBe(first)
  })

  it('holds nothing that its checks made, kept folders and hooks of git included', async () => {
    const rooms = opened()
    const path = await filled(rooms, 't_1', ['cache'])
    mkdirSync(join(path, 'cache'))
    writeFileSync(join(path, 'cache', 'poison'), '')
    writeFileSync(join(path, 'left'), '')
    writeFileSync(join(path, 'a.txt'), 'b\n')
    mkdirSync(join(path, '.git', 'hooks'), { recursive: true })
    writeFileSync(join(path, '.git', 'hooks', 'post-checkout'), 'exit 1\n')
    await rooms.give('t_1')
    expect(await filled(rooms, 't_2', ['cache'])).toBe(path)
    expect(readdirSync(path).sort()).toEqual(['.git', 'a.txt'])
    expect(existsSync(join(path, '.git', 'hooks'))).toBe(false)
    expect(execFileSync('git', ['status', '--porcelain'], { cwd: path, env, encoding: 'utf8' })).toBe('')
  })

  it('goes when nobody has used it for a while, and when there are others', async () => {
    const rooms = opened()
    const paths: string[] = []
    for (const task of ['t_1', 't_2', 't_3', 't_4']) paths.push(await filled(rooms, task))
    for (const task of ['t_1', 't_2', 't_3', 't_4']) await rooms.give(task)
    expect(paths.map((path) => existsSync(path))).toEqual([false, true, true, true])
    await clock.advance(16 * 60_000)
    await vi.waitFor(() => expect(readdirSync(join(home, 'trees'))).toEqual([]))
  })

  it('of a killed process goes at the next start, and that of a task at work does not', async () => {
    mkdirSync(join(home, 'trees', 'c_old'), { recursive: true })
    const rooms = opened()
    const path = await filled(rooms, 't_1')
    await rooms.sweep()
    expect(readdirSync(join(home, 'trees')).map((name) => join(home, 'trees', name))).toEqual([path])
  })
})
