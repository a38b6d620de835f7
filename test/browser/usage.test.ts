/** The usage view over the real daemon: true figures, by whom, day by day, and no price invented. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Story, tell } from '../fakes/story.ts'
import { violations } from './axe.ts'
import { browserPath, Stage, type View } from './page.ts'
import { fill } from './used.ts'

const shots = process.env['OPENLOOM_SHOTS']

describe.skipIf(!browserPath)('usage', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await Stage.open()
  })
  afterAll(() => stage?.close())

  const open = async (story: Story, path: string, view: View = {}) => {
    const shown = await stage.enter(story.daemon, path, view)
    await shown.page.waitForSelector('[data-figure="Cost"]')
    return shown
  }

  it('says what was used, by whom, against the time before, and what has no price', async () => {
    const story = await tell()
    fill(story)
    const { page, faults } = await open(story, '/usage?period=30d&by=model')
    expect(await page.locator('[data-figure="Cost"]').innerText()).toContain('at least')
    await page.getByText('A part of this has no known price').waitFor()
    expect(await page.locator('[data-figure="Read from cache"]').innerText()).toBe('75 %')
    await page.getByText('against the 30 days before').first().waitFor()
    const house = page.locator('tr', { hasText: 'house-model' })
    expect(await house.locator('td').last().innerText()).toBe('unknown')
    await page.getByRole('link', { name: 'by workspace' }).click()
    await page.locator('tr', { hasText: '/w/ledger' }).waitFor()
    await page.getByRole('button', { name: /Copy the table as CSV/ }).click()
    expect(await page.evaluate(() => navigator.clipboard.readText())).toContain('/w/ledger,,')
    await page.getByRole('link', { name: 'Today' }).click()
    await page.waitForURL('**/usage?period=today&by=workspace')
    await page.locator('tr', { hasText: '/w/ledger' }).waitFor()
    expect(faults).toEqual([])
    await page.close()
  })

  it('of nothing says what would fill it', async () => {
    const story = await tell()
    const { page } = await open(story, '/usage')
    expect(await page.locator('[data-figure="Cost"]').innerText()).toBe('0.00')
    await page.getByText('A task or a session fills this').waitFor()
    await page.close()
  })

  it.each([1440, 390].flatMap((width) => (['dark', 'light'] as const).map((theme) => ({ width, theme }))))(
    'fits and breaks no rule at $width px, $theme',
    async (view) => {
      const story = await tell()
      fill(story)
      const { page, faults } = await open(story, '/usage?period=30d&by=model', view)
      await page.waitForSelector('.chart canvas')
      await page.waitForSelector('.connection.live')
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0)
      expect((await violations(page)).slice(0, 4)).toEqual([])
      const path = `${shots}/usage-${view.width}-${view.theme}.png`
      if (shots) await page.screenshot({ path, fullPage: true })
      expect(faults).toEqual([])
      await page.close()
    },
  )
})
