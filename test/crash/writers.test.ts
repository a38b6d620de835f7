/** Whoever writes into the inbox, however: whole files once, everything else refused with words and never read. */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { DaemonRig, eventually, type Life } from '../fakes/daemon.ts'
import { account, drop, inboxNames, noFault, say, shortScript, taskText } from './scene.ts'

const rig = new DaemonRig()
beforeAll(async () => {
  await rig.open({ script: shortScript, env: { OPENLOOM_INBOX_POLL_SECONDS: '5' } })
  await rig.makeTemplate()
})
beforeEach(() => rig.reset())
afterAll(() => rig.close())

const pauseFor = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const created = (life: Life) => life.sees((event) => event.type === 'task.created')

it('a file that is written slowly is taken when its writer lets go of it, whole', async () => {
  const life = await rig.started()
  const file = await open(join(rig.inbox, 'slow.md'), 'w')
  for (const line of taskText(rig, 'slow').split('\n')) {
    await file.write(`${line}\n`)
    await pauseFor(150)
  }
  expect(await rig.tasks(life)).toEqual([])
  await file.close()
  expect(await account(rig, life, ['slow'])).toEqual(noFault)
  expect(inboxNames(rig)).toEqual(['processed-slow.md'])
  await life.kill()
})

it('a file that is renamed into place is taken at once', async () => {
  const life = await rig.started()
  const before = performance.now()
  drop(rig, 'renamed')
  await created(life)
  expect(performance.now() - before).toBeLessThan(2_000)
  expect(await account(rig, life, ['renamed'])).toEqual(noFault)
  await life.kill()
})

it('an inbox that is removed and made again is still the inbox', async () => {
  const life = await rig.started()
  drop(rig, 'before')
  await rig.settled(life, 1)
  rmSync(rig.inbox, { recursive: true })
  await pauseFor(300)
  mkdirSync(rig.inbox, { recursive: true })
  drop(rig, 'after')
  expect(await account(rig, life, ['before', 'after'])).toEqual(noFault)
  expect(inboxNames(rig)).toEqual(['processed-after.md'])
  // Watched again, not only swept: the sweep comes every 5 s.
  const before = performance.now()
  drop(rig, 'quick')
  await eventually('it is taken', async () => (await rig.tasks(life)).some(({ title }) => title === 'quick'))
  expect(performance.now() - before).toBeLessThan(3_000)
  await life.kill()
})

it('an inbox that cannot be written to gives each file once, an alarm, and a rename when it can', async () => {
  drop(rig, 'one')
  if (!lockInbox()) return say('no read-only inbox can be made here (root without mount): left out')
  const life = await rig.started()
  expect(await account(rig, life, ['one'])).toEqual(noFault)
  const codes = async () => {
    const state = (await (await life.api('/api/state')).json()) as { alarms: { code: string }[] }
    return state.alarms.map(({ code }) => code)
  }
  await eventually('an alarm', async () => (await codes()).includes('inbox-rename'))
  await pauseFor(2_200)
  expect(await rig.tasks(life)).toHaveLength(1)
  await life.kill()
  unlockInbox()
  const next = await rig.started()
  await eventually('it is renamed', () => inboxNames(rig).join() === 'processed-one.md')
  expect(await account(rig, next, ['one'])).toEqual(noFault)
  await next.kill()
})

const isRoot = process.getuid?.() === 0

/** Root may write everywhere but on a read-only mount. */
function lockInbox(): boolean {
  if (!isRoot) {
    chmodSync(rig.inbox, 0o555)
    return true
  }
  if (spawnSync('mount', ['--bind', rig.inbox, rig.inbox]).status !== 0) return false
  if (spawnSync('mount', ['-o', 'remount,ro,bind', rig.inbox]).status === 0) return true
  unlockInbox()
  return false
}

function unlockInbox(): void {
  if (isRoot) execFileSync('umount', ['-l', rig.inbox])
  else chmodSync(rig.inbox, 0o755)
}

it('links, FIFOs, devices and folders are never read, and are refused with words', async () => {
  writeFileSync(join(rig.folder, 'secret.md'), taskText(rig, 'secret'))
  symlinkSync(join(rig.folder, 'secret.md'), join(rig.inbox, 'link.md'))
  symlinkSync('/dev/zero', join(rig.inbox, 'zero.md'))
  execFileSync('mkfifo', [join(rig.inbox, 'pipe.md')])
  const hasDevice = isRoot && spawnSync('mknod', [join(rig.inbox, 'device.md'), 'c', '1', '5']).status === 0
  mkdirSync(join(rig.inbox, 'folder.md'))
  const life = await rig.started()
  drop(rig, 'plain')
  expect(await account(rig, life, ['plain'])).toEqual(noFault)
  expect(await rig.tasks(life)).toHaveLength(1)
  const names = readdirSync(rig.inbox)
  for (const name of ['link', 'zero', 'pipe', ...(hasDevice ? ['device'] : [])]) {
    const page = names.find((one) => one.endsWith(`-${name}.md.problems.md`)) ?? ''
    expect(readFileSync(join(rig.inbox, page), 'utf8')).toMatch(/symbolic link|not a plain file/)
    expect(names).not.toContain(`${name}.md`)
  }
  expect(names).toContain('folder.md')
  await life.kill()
})

it('names with line breaks, of 255 bytes and in any script each become one task with a name that fits', async () => {
  const names = ['two\nlines.md', `${'x'.repeat(252)}.md`, `${'ü'.repeat(126)}.md`, 'größe-🧵.md', "it's $(id).md"]
  for (const [i, name] of names.entries()) writeFileSync(join(rig.inbox, name), taskText(rig, `task-${i}`))
  const life = await rig.started()
  expect(
    await account(
      rig,
      life,
      names.map((_, i) => `task-${i}`),
    ),
  ).toEqual(noFault)
  const left = readdirSync(rig.inbox)
  expect(left).toHaveLength(names.length)
  for (const name of left) {
    expect(name).toMatch(/^processed-t_[^\n]+\.md$/)
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255)
  }
  await life.kill()
})
