/** What is very long scrolls like what is short: 10,000 tasks, a talk of 5,000 messages, a diff of 20,000 lines. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { violations } from './axe.ts'
import { crowdScene } from './crowds.ts'
import { browserPath, leave, type Shown, Stage } from './page.ts'
import { longScene, talkScene } from './talk.ts'

const drawn = ({ page }: Shown, what: string) => page.locator(what).count()
const message = ({ page }: Shown, id: number) => page.locator(`[data-message="${id}"]`)
const fromEnd = (page: Page) =>
  page.evaluate(() => Math.round(document.documentElement.scrollHeight - innerHeight - scrollY))
const isAtEnd = (page: Page) =>
  page.waitForFunction(() => document.documentElement.scrollHeight - innerHeight - scrollY < 4)
/** The messages on the screen and where each stands. */
const places = (page: Page) =>
  page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('[data-message]')]
      .map((box) => `${box.dataset['message']} at ${Math.round(box.getBoundingClientRect().top)}`)
      .filter((place) => !place.includes('at -')),
  )

const patchOf = (lines: number) => {
  const line = (n: number) => `${n % 3 ? '+' : '-'}const line${n} = 'what stands here' // ${n}`
  return [`@@ -1,${lines} +1,${lines} @@`, ...Array.from({ length: lines }, (_, n) => line(n)), ''].join('\n')
}

describe.skipIf(!browserPath)('what is very long', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await Stage.open()
  })
  afterAll(() => stage?.close())

  /** A talk in sight of its end, and how the lines of an answer come that is being said. */
  async function talking() {
    const shown = await stage.show(longScene(200), '/sessions/ses_talk')
    const { page, api } = shown
    await page.waitForSelector('.connection.live')
    await message(shown, 200).waitFor()
    await isAtEnd(page)
    const text = (n: number) => `Line ${n} of what it says.\n\n`
    const say = async (from: number, to: number) => {
      for (let n = from; n < to; n++)
        await api.delta({ taskId: null, sessionId: 'ses_talk', kind: 'text', text: text(n) })
    }
    return { shown, page, say }
  }

  it('a talk of 5,000 messages draws only what is near the eye, and goes back to its first word', async () => {
    const shown = await stage.show(longScene(5_000), '/sessions/ses_talk?at=7')
    await message(shown, 7).waitFor()
    await shown.page.waitForFunction(() => {
      const box = document.querySelector('.sought')?.getBoundingClientRect()
      return box && box.top >= 0 && box.bottom <= innerHeight
    })
    expect(await drawn(shown, '[data-message]')).toBeLessThan(80)
    await shown.page.getByRole('button', { name: 'Jump to the latest' }).click()
    await message(shown, 5_000).waitFor()
    await isAtEnd(shown.page)
    expect(await shown.page.getByRole('button', { name: 'Jump to the latest' }).count()).toBe(0)
    expect(shown.faults).toEqual([])
    await leave(shown)
  })

  it('what was unfolded stays so when it is scrolled far away and back', async () => {
    const scene = longScene(400)
    const eighth = scene.said?.['ses_talk']?.find(({ id }) => id === '8')
    const call = { kind: 'tool', callId: 'call_8', name: 'bash', input: '{"command":"npm test"}' } as const
    eighth?.parts.push({ ...call, output: 'all of it is green', state: 'completed', childId: null })
    const shown = await stage.show(scene, '/sessions/ses_talk?at=8')
    const { page } = shown
    await message(shown, 8).waitFor()
    await page.locator('[data-tool="call_8"] summary').click()
    await page.getByText('all of it is green').waitFor()
    await page.getByRole('button', { name: 'Jump to the latest' }).click()
    await message(shown, 8).waitFor({ state: 'detached' })
    // Rows that were never measured stand where they are guessed: it is walked to, from the top.
    await page.evaluate(() => scrollTo(0, 0))
    await page.waitForFunction(() => {
      if (document.querySelector('[data-message="8"]')) return true
      scrollBy(0, 150)
      return false
    })
    await page.getByText('all of it is green').waitFor()
    expect(shown.faults).toEqual([])
    await leave(shown)
  })

  it('what is being said is followed at the end, and leaves alone who reads further up', async () => {
    const { shown, page, say } = await talking()
    await say(0, 40)
    await page.getByText('Line 39 of what').waitFor()
    await isAtEnd(page)
    await page.mouse.move(600, 400)
    await page.mouse.wheel(0, -1200)
    await page.getByRole('button', { name: 'Jump to the latest' }).waitFor()
    const before = await places(page)
    const left = await fromEnd(page)
    await say(40, 60)
    await page.getByText('Line 59 of what').waitFor({ state: 'attached' })
    expect(await places(page)).toEqual(before)
    expect(await fromEnd(page)).toBeGreaterThan(left)
    await leave(shown)
  })

  it('what is said moves nothing away that is pressed, and is followed again after the click', async () => {
    const { shown, page, say } = await talking()
    await message(shown, 200).hover()
    const copy = message(shown, 200).getByRole('button', { name: 'Copy the message' })
    await copy.hover()
    await page.mouse.down()
    const before = await places(page)
    await say(0, 20)
    await page.getByText('Line 19 of what').waitFor({ state: 'attached' })
    expect(await places(page)).toEqual(before)
    await page.mouse.up()
    await page.getByRole('button', { name: 'copied' }).waitFor()
    await isAtEnd(page)
    await say(20, 40)
    await page.getByText('Line 39 of what').waitFor()
    await isAtEnd(page)
    await leave(shown)
  })

  it('a list that moves can be clicked', async () => {
    const shown = await stage.show(longScene(200), '/sessions/ses_talk')
    const { page } = shown
    await message(shown, 200).waitFor()
    await isAtEnd(page)
    const under = await page.evaluate(async () => {
      const moved = new Promise((resolve) => addEventListener('scroll', resolve, { once: true }))
      scrollBy(0, -300)
      await moved
      await new Promise((resolve) => requestAnimationFrame(resolve))
      return document.elementFromPoint(innerWidth / 2, innerHeight / 2)?.closest('[data-message]') !== null
    })
    expect(under).toBe(true)
    await leave(shown)
  })

  it('older messages come by themselves and leave what is read where it is', async () => {
    const shown = await stage.show(longScene(400), '/sessions/ses_talk')
    await message(shown, 400).waitFor()
    await isAtEnd(shown.page)
    await shown.page.mouse.move(600, 400)
    for (let n = 0; n < 60 && (await message(shown, 300).count()) === 0; n++) await shown.page.mouse.wheel(0, -600)
    await message(shown, 300).waitFor()
    expect(shown.faults).toEqual([])
    expect(await violations(shown.page)).toEqual([])
    await leave(shown)
  })

  it('10,000 tasks come page after page while they are scrolled, and keep few rows in the page', async () => {
    const shown = await stage.show(crowdScene(10_000), '/tasks')
    await shown.page.waitForSelector('[data-row]')
    await shown.page.mouse.move(600, 400)
    const deep = shown.page.getByText(/\(1\d\d\d\)/)
    for (let n = 0; n < 200 && (await deep.count()) === 0; n++) await shown.page.mouse.wheel(0, 2_000)
    await deep.first().waitFor()
    expect(await drawn(shown, '[data-row]')).toBeLessThan(80)
    expect(shown.faults).toEqual([])
    await leave(shown)
  })

  it('a diff of 20,000 lines is whole, and draws only what is near the eye', async () => {
    const file = { path: 'src/big.ts', status: 'changed' as const, additions: 13_333, deletions: 6_667 }
    const scene = { ...talkScene(), changed: { ses_talk: [{ ...file, patch: patchOf(20_000) }] } }
    const shown = await stage.show(scene, '/sessions/ses_talk')
    await shown.page.locator('[data-file="src/big.ts"] summary').click()
    const box = shown.page.locator('[data-file="src/big.ts"] pre')
    await box.getByText('line3 =').waitFor()
    expect(await drawn(shown, 'pre .added')).toBeLessThan(200)
    await box.evaluate((pre) => pre.scrollTo({ top: pre.scrollHeight }))
    await box.getByText('line19999 =').waitFor()
    expect(shown.faults).toEqual([])
    expect(await violations(shown.page)).toEqual([])
    await leave(shown)
  })
})
