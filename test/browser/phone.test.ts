/** Stories of small screens: a keyboard over half of it, a phone laid on its side, letters of twice the size. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { browserPath, leave, type Shown, Stage } from './page.ts'
import { detail, emptyScene, stateOf } from './scenes.ts'
import { ask, editFile, runTests, watchedScene } from './watched.ts'

const box = (page: Page, selector: string) =>
  page.locator(selector).evaluate((el) => {
    const { top, bottom, left, right } = el.getBoundingClientRect()
    const over = document.elementFromPoint((left + right) / 2, top + 12)
    return { top, bottom, right, isCovered: over !== el && !el.contains(over) }
  })

/** A task that waits for an ask, another that failed, and an ask of a session that has no task. */
function askingScene() {
  const waiting = detail({ status: 'waiting', reason: { code: 'needs-permission', text: 'It wants to: bash' } })
  const failed = detail({ status: 'failed', reason: { code: 'refuted', text: 'After 3 attempts, checks still fail.' } })
  const details = [waiting, failed]
  const asks = [ask('per_task', runTests, { taskId: waiting.task.id, runtime: 'builtin' }), ask('per_other', editFile)]
  return { scene: { ...emptyScene(), details, asks, state: stateOf(details, 0) }, waiting: waiting.task, failed }
}

describe.skipIf(!browserPath)('a small screen', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await Stage.open()
  })
  afterAll(() => stage?.close())
  const open = (path: string, scene = watchedScene()): Promise<Shown> => stage.show(scene, path, { width: 390 })

  it('tells and counts a task that asks once: by its card', async () => {
    const { scene, waiting, failed } = askingScene()
    for (const path of ['/', '/needs']) {
      const shown = await open(path, scene)
      await shown.page.locator(`[data-section="needs"] [href="/tasks/${failed.task.id}"]`).waitFor()
      await shown.page.locator('[data-ask="per_task"]').waitFor()
      expect(await shown.page.locator(`[data-section] [href="/tasks/${waiting.id}"]`).count()).toBe(0)
      expect(await shown.page.locator('[data-section="needs"] h2 .figures').innerText()).toBe('1')
      expect(await shown.page.locator('nav .count').innerText()).toMatch(/^3/)
      expect(shown.faults).toEqual([])
      await leave(shown)
    }
  })

  it('takes the answer on the page of the task that asks', async () => {
    const { scene, waiting } = askingScene()
    const shown = await open(`/tasks/${waiting.id}`, scene)
    const card = shown.page.locator('[data-ask]')
    await card.getByRole('button', { name: 'Allow once' }).click()
    await card.waitFor({ state: 'detached' })
    expect(shown.api.posts.map(({ path, body }) => [path, body])).toEqual([['/api/asks/per_task', { reply: 'once' }]])
    await leave(shown)
  })

  it('shows what is written while a keyboard takes the half of it, and nothing lies over that', async () => {
    const shown = await open('/needs')
    const card = shown.page.locator('[data-ask="per_tests"]')
    await card.getByRole('button', { name: 'Deny' }).click()
    await card.locator('textarea').click()
    await shown.page.setViewportSize({ width: 390, height: 420 })
    await shown.page.keyboard.type('Use the fast tests.')
    expect(await shown.page.locator('nav').isVisible()).toBe(false)
    expect(await box(shown.page, '[data-ask="per_tests"] textarea')).toMatchObject({ isCovered: false })
    await card.locator('textarea').blur()
    expect(await shown.page.locator('nav').isVisible()).toBe(true)
    await leave(shown)
  })

  it('keeps what has the focus clear of the bar, also without a keyboard', async () => {
    const shown = await open('/needs')
    await shown.page.locator('[data-ask="que_shop"]').waitFor()
    for (const field of await shown.page.locator('[data-ask] input, [data-ask] button').all()) {
      await field.focus()
      const free = await field.evaluate((el) => {
        const bar = document.querySelector('nav')?.getBoundingClientRect().top ?? innerHeight
        return el.getBoundingClientRect().bottom <= bar
      })
      expect(free, await field.innerText()).toBe(true)
    }
    await leave(shown)
  })

  it('reaches every place when it lies on its side', async () => {
    const shown = await open('/')
    await shown.page.setViewportSize({ width: 844, height: 300 })
    const last = shown.page.locator('nav a[href="/settings"]')
    await last.scrollIntoViewIfNeeded()
    expect((await box(shown.page, 'nav a[href="/settings"]')).bottom).toBeLessThanOrEqual(300)
    expect(await shown.page.evaluate(() => scrollY)).toBeLessThan(20)
    await leave(shown)
  })

  it('holds letters of twice the size: fields grow, and the bar keeps its five words', async () => {
    for (const path of ['/', '/needs', '/tasks', '/usage', '/settings', '/inbox', '/new']) {
      const shown = await open(path)
      await shown.page.waitForSelector('.connection.live')
      await shown.page.evaluate(() => document.documentElement.style.setProperty('font-size', '32px'))
      const { page } = shown
      expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(390)
      for (const label of await page.locator('nav a:not(.rest) .label').all()) {
        if (!(await label.isVisible())) continue
        const [word, bar] = [await label.boundingBox(), await page.locator('nav[aria-label="Views"]').boundingBox()]
        expect((word?.x ?? 0) + (word?.width ?? 0)).toBeLessThanOrEqual(390)
        expect((word?.y ?? 0) + (word?.height ?? 0)).toBeLessThanOrEqual((bar?.y ?? 0) + (bar?.height ?? 0))
      }
      const sizes = await page
        .locator('input[type="text"]:visible, textarea:visible')
        .evaluateAll((all) => all.map((el) => Number.parseFloat(getComputedStyle(el).fontSize)))
      expect(sizes.filter((size) => size < 24)).toEqual([])
      await leave(shown)
    }
  })

  it('shows in the colours of the system what is chosen and where one is', async () => {
    const shown = await open('/needs')
    await shown.page.emulateMedia({ forcedColors: 'active' })
    const card = shown.page.locator('[data-ask="que_shop"]')
    await card.getByRole('button', { name: 'Euro' }).click()
    const ground = (name: string) =>
      card.getByRole('button', { name }).evaluate((el) => getComputedStyle(el).backgroundColor)
    expect(await ground('Euro')).not.toBe(await ground('Dollar'))
    const places = shown.page.locator('nav a:visible')
    const grounds = await places.evaluateAll((all) => all.map((el) => getComputedStyle(el).backgroundColor))
    expect(new Set(grounds).size).toBe(2)
    await leave(shown)
  })
})
