/** What a task did, on its page: the diff of a great change, the processes of a hang, and its subagents. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SeenProcess } from '../../src/core/diagnosis.ts'
import type { FileDiff } from '../../src/core/session.ts'
import type { Scene } from '../fakes/api.ts'
import { tell } from '../fakes/story.ts'
import { violations } from './axe.ts'
import { browserPath, leave, type Shown, Stage } from './page.ts'
import { sampleScene } from './scenes.ts'
import { session } from './watched.ts'

const shots = process.env['OPENLOOM_SHOTS']
const sessionId = 's_1kq3m2v8x7c4h2ep'
const now = Date.now()

const seen = (pid: number, ppid: number, command: string, part: Partial<SeenProcess> = {}): SeenProcess => ({
  ...{ pid, ppid, group: 40, startedAt: now - 400_000, state: 'S', cpuShare: 0, waitChannel: 'do_wait', command },
  ...{ cwd: '/tmp', stdin: 'null', sockets: [], holdsPipe: false },
  ...part,
})

function bigFile(path: string, lines: number): FileDiff {
  const body = Array.from({ length: lines }, (_, n) =>
    n % 5 === 0 ? `-  const old${n} = 'value ${n}'` : `+  const fresh${n} = ${n} // line ${n}`,
  )
  const patch = `--- a/${path}\n+++ b/${path}\n@@ -1,${lines} +1,${lines} @@\n${body.join('\n')}\n`
  return { path, status: 'changed', additions: lines * 0.8, deletions: lines * 0.2, patch }
}

function workScene(): Scene {
  const processes = [
    seen(41, 40, 'bash -lc npm install'),
    seen(42, 41, 'npm install'),
    seen(43, 42, 'node /usr/lib/node_modules/npm/bin/node-gyp rebuild', {
      ...{ state: 'S', waitChannel: 'ep_poll', sockets: ['connecting 10.0.0.7:443'] },
    }),
  ]
  const text = 'npm install waits on port 443 of 10.0.0.7 since 6 minutes and prints nothing.'
  const diagnosis = { cause: 'network' as const, text, todo: 'See whether the other side is up.', at: now - 60_000 }
  const guilty = processes[2] ?? null
  const sessions = [
    session(sessionId, { runtime: 'builtin', stalledAt: now - 60_000, diagnosis: { ...diagnosis, guilty, processes } }),
    session('ses_sub', { runtime: 'builtin', parentId: sessionId, title: 'Find all users of the table' }),
  ]
  const small: FileDiff = {
    path: 'README.md',
    status: 'added',
    additions: 1,
    deletions: 0,
    patch: '@@ -0,0 +1 @@\n+# Hi\n',
  }
  const scene = sampleScene('running')
  const state = { ...scene.state, sample: false }
  return { ...scene, state, sessions, changed: { [sessionId]: [small, bigFile('src/big.ts', 20_000)] } }
}

describe.skipIf(!browserPath)('the work of a task', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await Stage.open()
  })
  afterAll(() => stage?.close())

  const open = async (view = {}): Promise<Shown> => {
    const scene = workScene()
    const shown = await stage.show(scene, `/tasks/${scene.details[0]?.task.id}`, view)
    await shown.page.waitForSelector('[data-hang]')
    await shown.page.waitForSelector('[data-work]')
    return shown
  }

  it('shows a diff of 20,000 lines and draws only those in view', async () => {
    const shown = await open()
    const work = shown.page.locator('[data-work]')
    expect(await work.locator('h2').innerText()).toContain('2 files')
    await work.locator('.added').first().waitFor()
    expect(await work.locator('.added, .removed').count()).toBeLessThan(120)
    expect(await work.locator('.word').first().innerText()).toBe('const')
    await work.getByLabel('Go to a file').selectOption('src/big.ts')
    await work.locator('.place').last().waitFor()
    // The list may still be on its way to the file when it is told to go to the end.
    await shown.page.waitForFunction(() => {
      const list = document.querySelector('[data-work] .lines > div')
      if (list) list.scrollTop = list.scrollHeight
      return list?.textContent?.includes('fresh19999') ?? false
    })
    expect(await work.locator('.added, .removed').count()).toBeLessThan(120)
    await shown.page.evaluate(() => {
      document.documentElement.style.fontSize = '200%'
    })
    const row = work.locator('.added').last()
    await expect.poll(() => row.evaluate((one) => [one.clientHeight, one.scrollHeight])).toEqual([40, 40])
    const gap = () =>
      row.evaluate((one) => {
        const [mine, before] = [one, one.parentElement?.previousElementSibling].map((el) => el?.getBoundingClientRect())
        return Math.round((mine?.top ?? 0) - (before?.bottom ?? 0))
      })
    await expect.poll(gap).toBe(0)
    expect(shown.faults).toEqual([])
    await leave(shown)
  })

  it('that hangs says why, by which process, and is taken over by two presses', async () => {
    const shown = await open()
    const hang = shown.page.locator('[data-hang]')
    expect(await hang.locator('li').allInnerTexts()).toHaveLength(3)
    expect(await hang.locator('.guilty').innerText()).toContain('connecting 10.0.0.7:443')
    await hang.getByRole('button', { name: 'Take over…' }).click()
    await hang.getByText('all 3 processes above').waitFor()
    expect(shown.api.posts).toEqual([])
    await hang.getByRole('button', { name: 'Take it over' }).click()
    await shown.page.getByText('Taken over.').waitFor()
    expect(shown.api.posts[0]?.body).toEqual({ markdown: `session: ${sessionId}\nabort: true\n` })
    await shown.page.getByRole('link', { name: 'Find all users of the table' }).click()
    await shown.page.waitForURL('**/sessions/ses_sub')
    await leave(shown)
  })

  it.each([1440, 390].flatMap((width) => (['dark', 'light'] as const).map((theme) => ({ width, theme }))))(
    'fits and breaks no rule at $width px, $theme',
    async (view) => {
      const shown = await open(view)
      expect(await shown.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0)
      expect((await violations(shown.page)).slice(0, 4)).toEqual([])
      const path = `${shots}/work-${view.width}-${view.theme}.png`
      if (shots) await shown.page.screenshot({ path, fullPage: true })
      await leave(shown)
    },
  )

  it('that is verified has a receipt, which is read and checked on the page', async () => {
    const story = await tell()
    const workspace = story.workspace()
    writeFileSync(join(workspace, 'a.txt'), 'a')
    await story.call('POST', '/api/tasks', {
      markdown: `# Look\nworkspace: ${workspace}\n\n## checks\n- file: a.txt\n`,
    })
    const { task } = await story.reaches('done')
    const { page, faults } = await stage.enter(story.daemon, `/tasks/${task.id}`)
    await page.getByRole('button', { name: 'Look at it' }).click()
    const receipt = page.locator('[data-receipt="1"]')
    await receipt.getByText('The signature is over exactly this').waitFor()
    expect(await receipt.innerText()).toContain('PASSED: verified, 1 check')
    expect(await violations(page)).toEqual([])
    if (shots) await page.screenshot({ path: `${shots}/receipt.png`, fullPage: true })
    expect(faults).toEqual([])
    await page.close()
  })
})
