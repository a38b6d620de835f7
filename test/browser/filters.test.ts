/** Tasks narrowed by verdict, folder, runtime and time, over the real daemon: each choice is an address. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { atRest, violations } from './axe.ts'
import { browserPath, Stage, smallTargets } from './page.ts'
import { openPlaces, type Places } from './places.ts'

const views = [1440, 390].flatMap((width) => (['dark', 'light'] as const).map((theme) => ({ width, theme })))
const shots = process.env['OPENLOOM_SHOTS']

describe.skipIf(!browserPath)('filters of the tasks', () => {
  let stage: Stage
  let places: Places
  beforeAll(async () => {
    stage = await Stage.open()
    places = await openPlaces({ settings: (sinks) => `notify:\n  sinks:${sinks}\n` })
    const { daemon, home } = places
    const headers = { authorization: `Bearer ${daemon.token}`, 'content-type': 'application/json' }
    for (const [n, file] of ['hello.md', 'never.md', 'hello.md'].entries()) {
      const workspace = join(home, `folder-${n % 2}`)
      mkdirSync(workspace, { recursive: true })
      const task = { title: `Task ${n}`, goal: 'Greet.', workspace, checks: [`file: ${file}`], limits: { attempts: 1 } }
      const body = JSON.stringify({ ...task, must_fail_first: false })
      expect((await fetch(`${daemon.url}/api/tasks`, { method: 'POST', headers, body })).status).toBe(201)
    }
    const counts = () => daemon.store.tasks.counts()
    await vi.waitFor(() => expect([counts()['done'], counts()['failed']]).toEqual([2, 1]), 20_000)
  })
  afterAll(async () => {
    await stage?.close()
    await places?.close()
  })

  it('narrow the list, stay in the address, and go away together', async () => {
    const { page, faults } = await places.visit(stage, '/tasks')
    const rows = () => page.locator('[data-task]').count()
    const choose = (name: string) => page.locator(`[data-filter="${name}"]`)
    await expect.poll(rows).toBe(3)
    await choose('verdict').selectOption('refuted')
    await expect.poll(rows).toBe(1)
    expect(new URL(page.url()).search).toBe('?verdict=refuted')
    await page.reload()
    await expect.poll(rows).toBe(1)
    await choose('workspace').selectOption(join(places.home, 'folder-1'))
    await choose('runtime').selectOption('builtin')
    await choose('since').selectOption('24h')
    await page.waitForURL(/since=24h/)
    await expect.poll(rows).toBe(1)
    await page.goto(`${places.daemon.url}/tasks?verdict=refuted&workspace=${encodeURIComponent('/not/known')}`)
    await page.getByText('No task with the verdict refuted in /not/known.').waitFor()
    await page.getByRole('link', { name: 'Without these' }).click()
    await expect.poll(rows).toBe(3)
    expect(new URL(page.url()).search).toBe('')
    expect(faults).toEqual([])
    await page.close()
  })

  it.each(views)('fit and break no rule at $width px, $theme', async (view) => {
    const { page, faults } = await places.visit(stage, '/tasks?runtime=builtin&since=7d', view)
    await page.locator('[data-filter="since"]').waitFor()
    await page.locator('[data-task]').first().waitFor()
    await atRest(page)
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0)
    if (view.width < 720) expect(await smallTargets(page)).toEqual([])
    expect(await violations(page)).toEqual([])
    if (shots) await page.screenshot({ path: `${shots}/filters-${view.width}-${view.theme}.png`, fullPage: true })
    expect(faults).toEqual([])
    await page.close()
  })
})
