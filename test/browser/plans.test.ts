/** A plan that waits for a word: read whole, answered by keys and under one thumb; hostile to no one. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { browserPath, leave, type Shown, Stage } from './page.ts'
import { planScene, planText } from './plans.ts'

const bodies = ({ api }: Shown) => api.posts.map(({ path, body }) => [path, body])
const button = ({ page }: Shown, name: string | RegExp) => page.getByRole('button', { name, exact: true })
const answers = '/api/asks/ask_plan'

describe.skipIf(!browserPath)('SA-3 a plan on the page', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await Stage.open()
  })
  afterAll(() => stage?.close())

  const open = async (path: string, width: number, text = planText): Promise<Shown> => {
    const shown = await stage.show(planScene(text), path, { width })
    await shown.page.waitForSelector('[data-plan] ol')
    return shown
  }

  it('shows what it means, what it changes, and its versions; by keys alone it goes back', async () => {
    const shown = await open('/sessions/ses_talk', 1440)
    const { page } = shown
    const plan = page.locator('[data-plan="2"]')
    await expect.poll(() => plan.locator('ol > li').count()).toBe(4)
    expect(await plan.locator('table code').allInnerTexts()).toContain('src/upload.ts')
    expect(await plan.innerText()).toContain('<script>window.hacked = 1</script>')
    expect([await page.evaluate(() => 'hacked' in window), await plan.locator('img').count()]).toEqual([false, 0])
    const inTalk = page.locator('[data-tool="c-plan-2"]')
    expect(await inTalk.locator('summary').innerText()).toMatch(/plan Try the upload again[\s\S]*waits for your word/)
    expect(await inTalk.locator('ol').count()).toBe(0)
    await inTalk.locator('summary').click()
    await expect.poll(() => inTalk.locator('ol > li').count()).toBe(4)
    await page.getByText('What version 2 changes').click()
    await page.locator('[data-asks] .added', { hasText: 'at most 3 times' }).waitFor()
    const versions = page.locator('[data-version]')
    await expect
      .poll(() => versions.locator('summary').allInnerTexts())
      .toEqual([
        expect.stringMatching(/version 2\s+waits for your word/),
        expect.stringMatching(/version 1\s+sent back/),
      ])
    await versions.nth(1).locator('summary').click()
    await versions.nth(1).getByText('You said: Three times are enough').waitFor()
    await button(shown, 'Say what to change…').focus()
    await page.keyboard.press('Enter')
    expect(await button(shown, 'Send it back').isDisabled()).toBe(true)
    await page.keyboard.type('No table, please.')
    await page.keyboard.press('Escape')
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toContain('Say what to change…')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Control+Enter')
    await expect.poll(() => bodies(shown)).toEqual([[answers, { reply: 'feedback', message: 'No table, please.' }]])
    expect(shown.faults).toEqual([])
    await leave(shown)
  })

  it('keeps its answers under the thumb however long it is, and shows all of it when asked', async () => {
    const steps = Array.from({ length: 60 }, (_, n) => `${n + 5}. And then step ${n + 5}.`)
    const long = `${planText}\n\n${steps.join('\n')}`
    const shown = await open('/needs', 390, long)
    const { page } = shown
    const inSight = async () => {
      const box = await button(shown, 'Carry it out').boundingBox()
      const bar = await page.locator('nav').last().boundingBox()
      return box !== null && box.y > 300 && box.height >= 44 && box.y + box.height <= (bar?.y ?? 844)
    }
    const plan = page.locator('[data-plan]')
    expect(await plan.evaluate((box) => box.scrollWidth - box.clientWidth)).toBe(0)
    await page.evaluate(() => window.scrollTo(0, 0))
    await expect.poll(inSight).toBe(true)
    await button(shown, /Show all \d+ lines/).click()
    await page.evaluate(() => window.scrollTo(0, 700))
    await expect.poll(inSight).toBe(true)
    await button(shown, 'In a fresh session').click()
    await expect.poll(() => bodies(shown)).toEqual([[answers, { reply: 'execute_fresh' }]])
    expect(shown.faults).toEqual([])
    await leave(shown)
  })
})
