/** The daemon dies at each named place of the whole path, twice; the task still ends verified and is told once. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { readPublicKey } from '../../src/lib/dsse.ts'
import { Keyring } from '../../src/store/keyring.ts'
import { checkLog } from '../../src/store/log-chain.ts'
import { DaemonRig, eventually } from '../fakes/daemon.ts'
import { readSources } from '../tidy.ts'
import { account, drop, fullScript, inboxNames, long, noFault, say, workspaceOf } from './scene.ts'

const root = new URL('../..', import.meta.url).pathname
const names = readSources(root, ['src'])
  .flatMap(({ text }) => [...text.matchAll(/failpoint\('([a-z.]+)'\)/g)].map((match) => match[1] ?? ''))
  .sort()
/** What is done in a repository of a person is killed in a story of its own. */
const isolated = names.filter((name) => name.startsWith('isolation.'))
/** What only a long or an interrupted conversation comes by has its stories in test/agent/crash-turns.test.ts. */
const told = names.filter((name) => name.startsWith('turn.'))
/** A line that a person types has its story in typed.test.ts. */
const typed = names.filter((name) => name.startsWith('typed.'))

/** The agent's first call only reads; what must not happen twice is its second. */
const nths = (name: string) => (long ? [1, 2, 3, 4, 5, 6] : name.startsWith('agent.') ? [1, 2, 3] : [1, 2])
const places = names
  .filter((name) => ![...isolated, ...told, ...typed].includes(name))
  .flatMap((name) => nths(name).map((nth) => ({ name, nth })))
let kills = 0

const rig = new DaemonRig()
beforeAll(async () => {
  await rig.open({ script: fullScript })
  await rig.makeTemplate()
})
afterAll(async () => {
  say(`failpoints: ${names.length}, kills ${kills}`)
  await rig.close()
})

it('finds the places that the source names', () => {
  expect(names).toEqual(expect.arrayContaining(['inbox.taken', 'harness.begun', 'agent.tool.ran', 'courier.answered']))
  expect(new Set(names).size).toBe(names.length)
  const stories = readFileSync(join(root, 'test/agent/crash-turns.test.ts'), 'utf8')
  expect(told.filter((name) => !new RegExp(`'?${name}\\b`).test(stories))).toEqual([])
})

it.each(places)('killed at hit $nth of $name and once more at $name, the task ends verified', async ({ name, nth }) => {
  await rig.reset()
  drop(rig, 'one')
  const died = [await diesAt(`${name}:${nth}`), await diesAt(name)]
  // A place that a life does not come by, or not so often, is simply passed.
  if (nth === 1) expect(died[0]).toBe(true)
  kills += died.filter(Boolean).length
  const life = await rig.started()
  expect(rig.orphans()).toEqual([])
  expect(await account(rig, life, ['one'])).toEqual(noFault)
  expect(inboxNames(rig)).toEqual(['processed-one.md'])
  const log = join(workspaceOf(rig, 'one'), 'log.txt')
  expect(existsSync(log) ? readFileSync(log, 'utf8') : '').toMatch(/^(once\n)?$/)
  await delivered(life)
  await life.kill()
  proven(rig.data)
})

const ends: Record<string, 'keep' | 'drop'> = { 'isolation.removed': 'keep', 'isolation.saved': 'drop' }

it.each(isolated)('killed twice at %s, an isolated task ends as it says and the person loses nothing', async (name) => {
  await rig.reset()
  const end = ends[name] ?? 'merge'
  drop(rig, 'one', ['isolation: worktree', `when_verified: ${end}`])
  const top = workspaceOf(rig, 'one')
  const git = (...args: string[]) =>
    spawnSync('git', ['-c', 'user.name=A', '-c', 'user.email=a@b', ...args], {
      cwd: top,
      encoding: 'utf8',
    }).stdout.trim()
  git('init', '-q', '-b', 'main')
  git('add', '-A')
  git('commit', '-qm', 'first')
  writeFileSync(join(top, 'notes.md'), 'Mine.\n')
  writeFileSync(join(top, 'new.md'), 'Mine, too.\n')
  const over = () =>
    rig.rows("select id from tasks where json_extract(isolation, '$.outcome') not in ('open', 'conflict')").length >
      0 &&
    (end === 'keep' || git('for-each-ref', 'refs/heads/openloom') === '')
  const died = [await diesAt(name, over), await diesAt(name, over)]
  expect(died[0]).toBe(true)
  kills += died.filter(Boolean).length
  const life = await rig.started()
  const tasks = await rig.settled(life, 1)
  expect(tasks.map(({ status, verdict }) => `${status} ${verdict}`)).toEqual(['done verified'])
  await eventually('its worktree is settled', over)
  expect(git('status', '--porcelain')).toBe('M notes.md\n?? new.md')
  const where = { merge: 'main', keep: 'openloom', drop: 'refs/openloom/rescue' }[end]
  const ref =
    end === 'merge' ? where : git('for-each-ref', '--format=%(refname)', end === 'keep' ? 'refs/heads/openloom' : where)
  expect(git('show', `${ref.split('\n')[0]}:result.txt`)).toBe('right')
  expect(git('show', `${ref.split('\n')[0]}:log.txt`)).toBe('once')
  expect(git('worktree', 'list').split('\n')).toHaveLength(1)
  await life.kill()
})

const anyDone = () => rig.rows("select id from tasks where status = 'done'").length > 0

async function diesAt(failpoint: string, isDone = anyDone): Promise<boolean> {
  const doomed = rig.start({ env: { OPENLOOM_FAILPOINT: failpoint } })
  await eventually('it is dead or has done everything', () => doomed.isOver || isDone())
  const died = doomed.isOver && (await doomed.exited).signal === 'SIGKILL'
  await doomed.kill()
  return died
}

/** Receipts are one whole chain, each of an attempt that has a verdict, and the log is what they signed. */
function proven(data: string): void {
  const keys = new Keyring(data, systemClock).keys().flatMap(({ publicKey }) => readPublicKey(publicKey) ?? [])
  const report = checkLog(join(data, 'openloom.db'), { keys })
  expect(report.fault).toBeNull()
  const rounds = rig.rows<{ n: number }>('select count(*) as n from attempts where verdict is not null')
  expect(report.receipts).toBe(rounds[0]?.n)
}

/** Every notable event of the task in the folder exactly once, and at the webhook at least once. */
async function delivered(life: Awaited<ReturnType<DaemonRig['started']>>): Promise<void> {
  life.child.kill('SIGTERM')
  expect(await life.exited).toEqual({ code: 0, signal: null })
  const wanted = rig.told().map(({ id }) => id)
  expect(rig.told().filter(({ type }) => type === 'task.done')).toHaveLength(1)
  expect(rig.told().filter(({ type }) => type === 'task.created')).toHaveLength(1)
  expect(new Set(wanted).size).toBe(wanted.length)
  expect([...rig.heard].sort()).toEqual([...wanted].sort())
}
