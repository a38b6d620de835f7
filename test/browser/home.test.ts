/** Stories of the home view and the list of all tasks, in a real browser. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { itemOf } from '../fakes/api.ts'
import { crowdScene, crowdTask } from './crowds.ts'
import { browserPath, leave, type Shown, Stage } from './page.ts'
import { emptyScene, Log, sampleScene } from './scenes.ts'

const live = (shown: Shown) => shown.page.waitForSelector('.connection.live')

const headings = async (shown: Shown) =>
  (await shown.page.locator('[data-section] h2').allInnerTexts()).map((text) => text.replace(/\s+/g, ' '))

const rowOf = (shown: Shown, section: string, title: string) =>
  shown.page.locator(`[data-section="${section}"] [data-row]`, { hasText: title })

describe.skipIf(!browserPath)('the home view', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await Stage.open()
  })
  afterAll(() => stage?.close())

  it('puts what needs a person before what runs, waits and has ended, with true counts', async () => {
    const shown = await stage.show(crowdScene())
    await shown.page.waitForSelector('[data-section="finished"]')
    expect(await headings(shown)).toEqual(['Needs you 3', 'Running 3', 'Queued 24', 'Lately finished 270'])
    await leave(shown)
  })

  it('is read when the daemon is back, where it was first looked at while there was none', async () => {
    const shown = await stage.show(crowdScene(), '/sessions')
    await live(shown)
    await shown.api.close()
    await shown.page.locator('nav').getByText('Home').click()
    await shown.page.getByText('The daemon does not answer').first().waitFor()
    await shown.api.open()
    await shown.page.waitForSelector('[data-section="finished"]')
    await leave(shown)
  })

  it('begins with its frame where the page has it, before any script has run', async () => {
    const shown = await stage.show(crowdScene())
    const boxes = (brand: string, strip: string) =>
      Promise.all([brand, strip].map(async (at) => await shown.page.locator(at).boundingBox()))
    await live(shown)
    const there = await boxes('nav .brand .label', 'header')
    await shown.page.route('**/*.js', (route) => route.abort())
    await shown.page.reload()
    const [word, strip] = await boxes('.opening .brand span', '.opening .strip')
    expect(strip).toEqual(there[1])
    expect([word?.x, word?.width]).toEqual([there[0]?.x, there[0]?.width])
    await leave(shown)
  })

  it('tells ages by the clock of the daemon, whatever the one of this browser says', async () => {
    const shown = await stage.show(crowdScene())
    await shown.page.clock.install({ time: Date.now() - 50 * 3600_000 })
    await shown.page.reload()
    await shown.page.getByText('started 3 h ago').waitFor()
    expect(await shown.page.locator('[data-row] .when').allInnerTexts()).not.toContainEqual(
      expect.stringContaining('in '),
    )
    await leave(shown)
  })

  it('never shows an unverified end as verified', async () => {
    const shown = await stage.show(crowdScene())
    await shown.page.waitForSelector('[data-section="finished"]')
    const words = await shown.page.locator('[data-row][data-status="done"] .badge').allInnerTexts()
    const proofs = await shown.page.locator('[data-row][data-status="done"] .proof').allInnerTexts()
    expect(new Set(words)).toEqual(new Set(['verified', 'unverified']))
    words.forEach((word, n) => {
      expect(proofs[n]).toBe(word === 'verified' ? '3/3 proven' : 'no checks')
    })
    await leave(shown)
  })

  it('moves a task between its sections by the event alone, without reading a list again', async () => {
    const scene = emptyScene()
    const shown = await stage.show(scene)
    await live(shown)
    const reads: string[] = []
    shown.page.on('request', (request) => {
      if (request.url().includes('/api/tasks')) reads.push(request.url())
    })
    const log = new Log(Date.now(), 0)
    const one = crowdTask(0, { status: 'queued' }, Date.now())
    scene.details.unshift(one)
    await shown.api.emit(log.move(0, 'task.created', one, 'queued'))
    await rowOf(shown, 'queued', one.task.title).waitFor()
    await shown.api.emit(log.move(10, 'task.started', one, 'starting'))
    await rowOf(shown, 'running', one.task.title).waitFor()
    await shown.api.delta({ taskId: one.task.id, sessionId: 's', kind: 'text', text: 'I read the retry loop' })
    await rowOf(shown, 'running', 'I read the retry loop').waitFor()
    one.task.verdict = 'verified'
    one.task.endedAt = log.at
    await shown.api.emit(log.move(10, 'task.done', one, 'done'))
    await rowOf(shown, 'finished', one.task.title).waitFor()
    expect(reads).toEqual([])
    expect(await headings(shown)).toEqual(['Lately finished 1'])
    await leave(shown)
  })

  it('shows the last hours as a thread a task, live at the right edge, each one link to its task', async () => {
    const scene = emptyScene()
    const log = new Log(Date.now() - 4 * 3_600_000, 0)
    const one = crowdTask(0, { status: 'queued' }, log.at)
    scene.details.unshift(one)
    scene.events.push(log.move(0, 'task.created', one, 'queued'), log.move(60_000, 'task.running', one, 'running'))
    const shown = await stage.show(scene)
    await live(shown)
    const row = shown.page.getByRole('region', { name: 'The last 6 hours' }).getByRole('link')
    await row.locator('rect.model').waitFor()
    expect(await row.getByRole('img').getAttribute('aria-label')).toMatch(/^Time spent: queued 1 m, model 3 h 5\d m/)
    const offEdge = await row.locator('rect.model').evaluate((rect) => {
      const { right = 0 } = rect.closest('svg')?.getBoundingClientRect() ?? {}
      return right - rect.getBoundingClientRect().right
    })
    expect(Math.abs(offEdge)).toBeLessThan(3)
    const now = new Log(Date.now(), scene.events.length)
    await shown.api.emit(now.move(0, 'task.verifying', one, 'verifying'))
    await row.locator('rect.verifying').waitFor()
    expect(await row.getAttribute('href')).toBe(`/tasks/${one.task.id}`)
    await leave(shown)
  })

  it('holds still under the pointer and says how much has changed', async () => {
    const scene = crowdScene()
    const shown = await stage.show(scene)
    await live(shown)
    await shown.page.locator('[data-section="needs"] [data-row]').first().hover()
    const before = await shown.page.locator('[data-row] .title').allInnerTexts()
    const log = new Log(Date.now(), scene.state.seq)
    const one = crowdTask(900, { status: 'queued' }, Date.now())
    await shown.api.emit(log.add(0, 'task.created', one))
    const button = shown.page.getByRole('button', { name: '1 change' })
    await button.waitFor()
    expect(await shown.page.locator('[data-row] .title').allInnerTexts()).toEqual(before)
    await button.click()
    await rowOf(shown, 'queued', one.task.title).waitFor()
    await leave(shown)
  })

  it('goes on without a gap when the daemon comes back, and says that it was away', async () => {
    const scene = crowdScene(10)
    const shown = await stage.show(scene)
    await live(shown)
    await shown.api.close()
    await shown.page.waitForSelector('.connection.reconnecting')
    await shown.page.getByText('what you see may be old').waitFor()
    const log = new Log(Date.now(), scene.state.seq)
    const missed = crowdTask(901, { status: 'queued' }, Date.now())
    scene.events.push(log.add(0, 'task.created', missed))
    const heard = scene.state.seq
    scene.state.seq = log.seq
    await shown.api.open()
    await live(shown)
    await rowOf(shown, 'queued', missed.task.title).waitFor()
    expect(shown.api.connects.at(-1)).toBe(heard)
    await leave(shown)
  })

  it('shows what was asked for while the daemon was away as soon as it is back', async () => {
    const shown = await stage.show(crowdScene(10))
    await live(shown)
    await shown.api.close()
    await shown.page.waitForSelector('.connection.reconnecting')
    await shown.page.getByRole('link', { name: 'Log', exact: true }).click()
    await shown.page.getByText('could not be loaded').waitFor()
    await shown.api.open()
    await shown.page.getByRole('heading', { name: 'Log' }).waitFor()
    await shown.api.close()
    await shown.page.waitForSelector('.connection.reconnecting')
    await shown.page.getByRole('link', { name: 'Sessions', exact: true }).click()
    await shown.page.getByText('The daemon does not answer').first().waitFor()
    await shown.api.open()
    await shown.page.getByText('No sessions yet').waitFor()
    await leave(shown)
  })

  it('gives its connection back while nobody sees it, and goes on where it was', async () => {
    const scene = crowdScene(10)
    const shown = await stage.show(scene)
    await live(shown)
    await shown.page.clock.install()
    const look = (hidden: boolean) =>
      shown.page.evaluate((is) => {
        Object.defineProperty(document, 'hidden', { configurable: true, get: () => is })
        document.dispatchEvent(new Event('visibilitychange'))
      }, hidden)
    await look(true)
    await shown.page.clock.fastForward(60_000)
    await expect.poll(() => shown.api.listeners).toBe(0)
    const log = new Log(Date.now(), scene.state.seq)
    const unseen = crowdTask(902, { status: 'queued' }, Date.now())
    scene.events.push(log.add(0, 'task.created', unseen))
    await look(false)
    await rowOf(shown, 'queued', unseen.task.title).waitFor()
    expect(shown.faults).toEqual([])
    await leave(shown)
  })

  it('walks its rows with j and k, opens one with Enter, and comes back', async () => {
    const shown = await stage.show(crowdScene())
    await live(shown)
    await shown.page.waitForSelector('[data-row]')
    const titles = await shown.page.locator('[data-row] .title').allInnerTexts()
    for (const key of ['j', 'j', 'j', 'k']) await shown.page.keyboard.press(key)
    await shown.page.keyboard.press('Enter')
    await shown.page.waitForSelector('h1:not(.unseen)')
    expect(await shown.page.locator('h1').innerText()).toBe(titles[1])
    await shown.page.goBack()
    await shown.page.waitForSelector('[data-section="needs"]')
    expect(new URL(shown.page.url()).pathname).toBe('/')
    await leave(shown)
  })

  it('labels the sample as scripted in plain sight, and only the sample', async () => {
    const sample = await stage.show(sampleScene('running'))
    await live(sample)
    await sample.page.getByText('Sample run on a scripted model — no real agent is involved.').waitFor()
    await leave(sample)
    const real = await stage.show(crowdScene(5))
    await live(real)
    await real.page.waitForSelector('[data-row]')
    expect(await real.page.getByText('scripted model').count()).toBe(0)
    await leave(real)
  })

  it('tells an empty installation where to drop a file', async () => {
    const shown = await stage.show(emptyScene())
    await shown.page.getByText('Drop a markdown file into the inbox').waitFor()
    await shown.page.locator('.empty').getByText('/home/ada/openloom/inbox').click()
    expect(await shown.page.evaluate(() => navigator.clipboard.readText())).toBe('/home/ada/openloom/inbox')
    await leave(shown)
  })
})

describe.skipIf(!browserPath)('the list of all tasks', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await Stage.open()
  })
  afterAll(() => stage?.close())

  it('reads page after page', async () => {
    const shown = await stage.show(crowdScene(120), '/tasks')
    await shown.page.waitForSelector('[data-row]')
    const oldest = shown.page.locator(`[href="/tasks/${shown.api.scene.details.at(-1)?.task.id}"]`)
    await shown.page.mouse.move(600, 500)
    for (let n = 0; n < 60 && (await oldest.count()) === 0; n++) await shown.page.mouse.wheel(0, 1_000)
    await oldest.waitFor()
    expect(await shown.page.getByRole('button', { name: 'Show more' }).count()).toBe(0)
    await leave(shown)
  })

  it('stands where it stood when one comes back to it, and when one goes on again', async () => {
    const shown = await stage.show(crowdScene(300), '/tasks')
    const { page } = shown
    // The browser keeps what is looked at in its place when something above it grows.
    const stands = (top: number) =>
      expect.poll(() => page.evaluate((to) => Math.abs(scrollY - to), top)).toBeLessThan(40)
    await page.waitForSelector('[data-row]')
    await page.evaluate(() => scrollTo(0, 900))
    await page
      .locator('[data-row]')
      .nth(20)
      .evaluate((row: HTMLElement) => row.click())
    await page.waitForURL('**/tasks/t_*')
    await page.getByText('Timeline', { exact: true }).waitFor()
    await stands(0)
    await page.goBack()
    await page.waitForSelector('[data-row]')
    await stands(900)
    await page.mouse.wheel(0, -900)
    await stands(0)
    await page.goForward()
    await page.waitForURL('**/tasks/t_*')
    await page.goBack()
    await page.waitForSelector('[data-row]')
    await stands(0)
    expect(shown.faults).toEqual([])
    await leave(shown)
  })

  it('finds by words and status, and the address says so', async () => {
    const scene = crowdScene(120)
    const shown = await stage.show(scene)
    await shown.page.waitForSelector('[data-row]')
    await shown.page.keyboard.press('/')
    await shown.page.keyboard.type('price')
    await shown.page.waitForURL('**/tasks?q=price')
    await shown.page.keyboard.type(' table')
    await shown.page.waitForURL('**/tasks?q=price+table')
    const wanted = scene.details.map(itemOf).filter((item) => item.title.includes('price table'))
    await shown.page.waitForFunction((n) => document.querySelectorAll('[data-row]').length === n, wanted.length)
    await shown.page.selectOption('select', 'failed')
    await shown.page.waitForURL('**/tasks?q=price+table&status=failed')
    await shown.page.waitForFunction(() => document.querySelectorAll('[data-row]').length === 1)
    await shown.page.reload()
    await shown.page.waitForFunction(() => document.querySelectorAll('[data-row]').length === 1)
    expect(await shown.page.inputValue('[data-search]')).toBe('price table')
    await leave(shown)
  })

  it('keeps the theme that was chosen', async () => {
    const shown = await stage.show(emptyScene(), '/', { theme: 'light' })
    await live(shown)
    const ground = () => shown.page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
    const light = await ground()
    await shown.page.getByRole('button', { name: /Theme: as the system/ }).click()
    expect(await ground()).not.toBe(light)
    await shown.page.reload()
    await live(shown)
    expect(await ground()).not.toBe(light)
    await leave(shown)
  })
})
