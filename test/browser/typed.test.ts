/** Lines of the shell that a person types on the page of a session, and its profile, over the real daemon. */
import { mkdir } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { atRest, violations } from './axe.ts'
import { browserPath, Stage, smallTargets } from './page.ts'
import { openPlaces, type Places } from './places.ts'

const views = [1440, 390].flatMap((width) => (['dark', 'light'] as const).map((theme) => ({ width, theme })))
const shots = process.env['OPENLOOM_SHOTS']
const hostile = `printf '<img src=x onerror="window.hacked=1">\\n\\033[31mred\\033[0m\\n'`

describe.skipIf(!browserPath)('a line typed on the page', () => {
  let stage: Stage
  let places: Places
  let path: string
  beforeAll(async () => {
    stage = await Stage.open()
    places = await openPlaces({ settings: (sinks) => `notify:\n  sinks:${sinks}\n` })
    const { store } = places.daemon
    const session = { id: 's_byhand', runtime: 'builtin', title: 'By hand', workspace: places.workspace }
    store.sessions.createSession({ ...session, agent: null, model: null, taskId: null, createdAt: Date.now() })
    path = '/sessions/s_byhand'
    if (shots) await mkdir(shots, { recursive: true })
  })
  afterAll(async () => {
    await stage?.close()
    await places?.close()
  })

  it('shows its output as it is, streams while it runs, is stopped, and does nothing to the page', async () => {
    const { page, faults } = await places.visit(stage, path)
    const field = page.locator('form.composer textarea')
    await field.fill(`!${hostile}`)
    await page.getByRole('button', { name: 'Run' }).click()
    const ran = page.getByRole('article', { name: 'You ran' }).first()
    await ran.getByText('<img src=x').first().waitFor()
    expect(await page.evaluate(() => 'hacked' in window)).toBe(false)
    await field.fill('!echo begun; sleep 600')
    await field.press('Enter')
    // Its output, and not the line that was typed.
    await page.locator('[data-saying] pre', { hasText: 'begun' }).waitFor()
    await page.getByRole('button', { name: 'Stop the line' }).click()
    await page.locator('[data-saying]').waitFor({ state: 'detached' })
    await page.locator('[data-state="error"]').waitFor()
    // What is folded stays so.
    await page.locator('[data-state="error"] summary').click()
    expect(await page.locator('[data-state="error"]').getAttribute('open')).toBeNull()
    expect(faults).toEqual([])
    await page.close()
  })

  it('the profile is switched beside the model, and by a command', async () => {
    const { page, faults } = await places.visit(stage, path)
    await page.getByRole('button', { name: 'Profile', exact: true }).click()
    await page.locator('form.ask select').selectOption('plan')
    await page.getByRole('button', { name: 'Save' }).click()
    await expect.poll(() => places.daemon.store.sessions.session('s_byhand')?.agent).toBe('plan')
    const field = page.locator('form.composer textarea')
    await field.pressSequentially('/profile b')
    await page.getByRole('option', { name: 'build' }).click()
    await field.press('Enter')
    await expect.poll(() => places.daemon.store.sessions.session('s_byhand')?.agent).toBe('build')
    expect(faults).toEqual([])
    await page.close()
  })

  it.each(views)('fits and breaks no rule at $width px, $theme', async (view) => {
    const { page, faults } = await places.visit(stage, path, view)
    await page.getByRole('article', { name: 'You ran' }).first().waitFor()
    await atRest(page)
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0)
    if (view.width < 720) expect(await smallTargets(page)).toEqual([])
    expect(await violations(page)).toEqual([])
    if (shots) await page.screenshot({ path: `${shots}/typed-${view.width}-${view.theme}.png`, fullPage: true })
    expect(faults).toEqual([])
    await page.close()
  })
})
