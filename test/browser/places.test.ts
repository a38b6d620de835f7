/** The places around the work, over the real daemon: what a person does there, and how each looks and reads. */
import { mkdir } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { violations } from './axe.ts'
import { browserPath, heldAnswers, Stage, smallTargets } from './page.ts'
import { openFurnished, openPlaces, type Places } from './places.ts'

const views = [1440, 390].flatMap((width) => (['dark', 'light'] as const).map((theme) => ({ width, theme })))
const shots = process.env['OPENLOOM_SHOTS']

const screens = [
  { name: 'notifications', path: '/notifications', ready: '[data-deliveries]' },
  { name: 'settings', path: '/settings', ready: '[data-setting]' },
  { name: 'needs', path: '/needs', ready: 'text=Nothing needs you' },
  { name: 'more', path: '/more', ready: '[data-row]' },
  { name: 'around', path: '/', ready: '#surroundings' },
  { name: 'log', path: '/log', ready: '[data-event]' },
  { name: 'inbox', path: '/inbox?file=2', ready: '[data-line]' },
]

describe.skipIf(!browserPath)('around the work', () => {
  let stage: Stage
  let places: Places
  beforeAll(async () => {
    stage = await Stage.open()
    places = await openFurnished()
    if (shots) await mkdir(shots, { recursive: true })
  })
  afterAll(async () => {
    await stage?.close()
    await places?.close()
  })

  describe.each([1440, 390])('at %i px', (width) => {
    it.each(screens)('$name fits and breaks no rule', async ({ name, path, ready }) => {
      const { page, faults } = await places.visit(stage, path, { width })
      await page.waitForSelector(ready)
      await page.evaluate(() => document.fonts.ready)
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0)
      if (width < 720) expect(await smallTargets(page)).toEqual([])
      for (const theme of ['dark', 'light'] as const) {
        await page.emulateMedia({ colorScheme: theme })
        if (shots) await page.screenshot({ path: `${shots}/${name}-${width}-${theme}.png`, fullPage: true })
        expect(await violations(page)).toEqual([])
      }
      expect(faults).toEqual([])
      await page.close()
    })
  })

  it('a sink is tested at one press, and says what its receiver answered', async () => {
    const { page, faults } = await places.visit(stage, '/notifications')
    const [chat, pager] = ['chat', 'pager'].map((name) => page.locator(`[data-sink="webhook-${name}"]`))
    await chat?.getByRole('button').click()
    await chat?.locator('[data-tested="true"]').waitFor()
    expect(await chat?.innerText()).toContain('answered 200')
    await pager?.getByRole('button').click()
    expect(await pager?.locator('[data-tested="false"]').innerText()).toContain('it wants no more')
    expect(await page.content()).not.toContain('a-secret-of-the-chat')
    expect(faults).toEqual([])
    await page.close()
  })

  it('dead letters go out again, one or all of a sink, and are gone from the list when they arrive', async () => {
    const { page } = await places.visit(stage, '/notifications')
    const dead = page.getByRole('region', { name: 'Dead letters' })
    await dead.waitFor()
    const before = await dead.getByRole('listitem').count()
    places.refuses.otherwise = 200
    await dead.getByRole('listitem').first().getByRole('button').click()
    await expect.poll(() => dead.getByRole('listitem').count()).toBe(before - 1)
    await dead.getByRole('button', { name: /Replay all/ }).click()
    await dead.waitFor({ state: 'detached' })
    await page.getByText('Lately delivered').waitFor()
    places.refuses.otherwise = 410
    await page.close()
  })

  it('a grant is taken back at one press, and a folder gets a word only after it was told what that does', async () => {
    const { page, faults } = await places.visit(stage, '/settings')
    await page.getByRole('button', { name: /^Revoke/ }).click()
    await page.getByText('It is asked about again from now on').waitFor()
    await page.getByText('Nothing. “Always”').waitFor()
    expect(places.daemon.store.asks.grants(9)).toEqual([])
    const trust = page.locator('[data-workspace] select')
    await trust.selectOption('read-only')
    await page.getByText('proven to change nothing').waitFor()
    expect(await trust.inputValue()).toBe('trusted')
    await page.getByRole('button', { name: 'Leave it' }).click()
    expect(await trust.inputValue()).toBe('trusted')
    await trust.selectOption('read-only')
    expect(places.daemon.store.workspaces.of(places.workspace)?.trust).toBe('trusted')
    await page.getByRole('button', { name: 'Make it read only' }).click()
    await page.getByText('is read only').waitFor()
    expect(places.daemon.store.workspaces.of(places.workspace)?.trust).toBe('read-only')
    expect(faults).toEqual([])
    await page.close()
  })

  it('a setting shows where it stands, or the lines that would set it', async () => {
    const { page } = await places.visit(stage, '/settings')
    await page.locator('[data-setting="concurrency.tasks"]').click()
    expect(await page.locator('[data-setting="concurrency.tasks"]').innerText()).toContain('openloom.yaml:6')
    await page.getByRole('searchbox').fill('ask deadline')
    const one = page.locator('[data-setting="defaults.ask_deadline_minutes"]')
    await one.click()
    expect(await one.innerText()).toContain('  ask_deadline_minutes:')
    await page.close()
  })

  it('a refused file shows what is wrong at its lines, and an accepted one leads to its task', async () => {
    const { page, faults } = await places.visit(stage, '/inbox')
    await page.locator('[data-outcome="rejected"] a').first().click()
    await page.locator('[data-line="3"].faulty').waitFor()
    expect(new URL(page.url()).search).toBe('?file=2')
    expect(await page.locator('[data-file="2"]').innerText()).toContain('limts')
    await page.goBack()
    await page.locator('.faulty').first().waitFor({ state: 'detached' })
    places.drop('hostile.md', '<img src=x onerror=alert(1)>\u202e\n# not a task')
    await page.locator('[data-file="3"] a').click()
    await page.getByText('<img src=x onerror=alert(1)>').first().waitFor()
    await page.locator('[data-outcome="accepted"] > a').click()
    await page.getByRole('link', { name: /Open the task/ }).click()
    await page.waitForURL(/\/tasks\/t_/)
    expect(faults).toEqual([])
    await page.close()
  })

  it('the text of the file that is open stays, when that of an earlier one comes late', async () => {
    const { page } = await places.visit(stage, '/inbox')
    await page.locator('[data-file="1"]').waitFor()
    const { reached, release } = await heldAnswers(page, '**/api/inbox/1')
    await page.locator('[data-file="1"] > a').click()
    await reached
    await page.locator('[data-file="2"] > a').click()
    await page.locator('[data-file="2"] [data-line="3"]').waitFor()
    const late = page.waitForResponse('**/api/inbox/1')
    release()
    await (await late).finished()
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
    expect(await page.locator('[data-file="2"] [data-line="3"]').count()).toBe(1)
    await page.close()
  })

  it('more files than a page holds leave no gap in the inbox', async () => {
    const { store } = places.daemon
    const { page } = await places.visit(stage, '/inbox')
    await page.locator('[data-file="1"]').waitFor()
    store.ledger.transact(() => {
      for (let n = 0; n < 70; n++) {
        const data = { file: `many-${n}.md`, problems: [{ kind: 'empty', text: 'It is empty.' }] }
        const origin = { source: 'inbox', externalId: `many-${n}.md:${n}:1:sha`, bodySha256: 'sha' } as const
        store.tasks.refuse(origin, { type: 'inbox.rejected', data })
      }
    })
    await page.getByText('many-69.md').waitFor()
    const numbers = () =>
      page.locator('[data-file]').evaluateAll((rows) => rows.map((row) => Number(row.getAttribute('data-file'))))
    while (await page.getByRole('button', { name: 'Show older files' }).count()) {
      const before = (await numbers()).length
      await page.getByRole('button', { name: 'Show older files' }).click()
      await expect.poll(async () => (await numbers()).length).toBeGreaterThan(before)
    }
    const [newest = 0] = await numbers()
    expect(await numbers()).toEqual(Array.from({ length: newest }, (_, n) => newest - n))
    await page.close()
  })

  it('the log is searched by the daemon, opens to the whole event, and holds still while it is read', async () => {
    const { ledger } = places.daemon.store
    const say = (count: number, text: string) =>
      ledger.transact(() => {
        for (let n = 0; n < count; n++) ledger.emit({ type: 'daemon.started', data: { text: `${text} ${n}` } })
      })
    say(1_000, 'a quiet evening')
    ledger.note({ type: 'workspace.ignored', data: { summary: 'a rare thing' } })
    const { page, faults } = await places.visit(stage, '/log')
    await page.getByText('a quiet evening 999').waitFor()
    expect(await page.locator('[data-event]').count()).toBeLessThan(80)
    await page.waitForFunction(() => {
      scrollTo(0, 1_500)
      return scrollY > 1_000
    })
    await page.getByText('a rare thing').waitFor({ state: 'detached' })
    const isHit = await page.evaluate(async () => {
      const moved = new Promise((resolve) => addEventListener('scroll', resolve, { once: true }))
      scrollBy(0, 200)
      await moved
      await new Promise((resolve) => requestAnimationFrame(resolve))
      return document.elementFromPoint(400, 400)?.closest('[data-event]') !== null
    })
    expect(isHit).toBe(true)
    const eye = () => document.elementFromPoint(400, 400)?.closest('[data-event]')?.getAttribute('data-event')
    // Rows that come into sight are measured before they stand still.
    await page.waitForFunction(eye)
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
    const reading = await page.evaluate(eye)
    expect(reading).toMatch(/^\d+$/)
    say(3, 'news')
    await page.getByRole('button', { name: '3 new — show' }).waitFor()
    expect(await page.evaluate(eye)).toBe(reading)
    await page.getByRole('button', { name: '3 new — show' }).click()
    await page.getByText('news 2').waitFor()
    await page.getByRole('searchbox').fill('rare')
    await expect.poll(() => page.locator('[data-event]').count()).toBe(1)
    await page.locator('[data-event] button').first().click()
    await page.getByText('"summary"').waitFor()
    await page.getByRole('link', { name: 'Only workspace.ignored' }).click()
    expect(new URL(page.url()).search).toBe('?type=workspace.ignored&q=rare')
    expect(faults).toEqual([])
    await page.close()
  })

  it('the log has what came while it was read, and no gap after more came than it keeps', async () => {
    const { ledger } = places.daemon.store
    const say = (count: number, text: string) =>
      ledger.transact(() => {
        for (let n = 0; n < count; n++) ledger.emit({ type: 'daemon.started', data: { text: `${text} ${n}.` } })
      })
    say(300, 'before')
    const { page, faults } = await places.visit(stage, '/')
    await page.waitForSelector('.connection.live')
    const { reached, release } = await heldAnswers(page, '**/api/events?*')
    await page.getByRole('navigation').getByRole('link', { name: 'Log' }).click()
    await reached
    // The page heard of it when it reads the state again.
    const heard = page.waitForRequest('**/api/state')
    say(1, 'meanwhile')
    await heard
    release()
    await page.getByText('meanwhile 0.').waitFor()
    await page.waitForFunction(() => {
      scrollTo(0, 1_500)
      return scrollY > 1_000
    })
    await page.getByText('meanwhile 0.').waitFor({ state: 'detached' })
    say(1_400, 'flood')
    await page.getByRole('button', { name: '1,400 new — show' }).click()
    await page.getByText('flood 1399.').waitFor()
    const found = await page.waitForFunction(
      () => {
        const text = document.querySelector('main')?.textContent ?? ''
        if (/flood 1\d\./.test(text)) return 'flood'
        if (/before 2\d\d\./.test(text)) return 'a gap'
        scrollBy(0, 600)
        return null
      },
      null,
      { polling: 30 },
    )
    expect(await found.jsonValue()).toBe('flood')
    expect(faults).toEqual([])
    await page.close()
  })

  it('every place can be reached from the rail, and on a phone from the bar', async () => {
    const { page, faults } = await places.visit(stage, '/')
    for (const name of ['Needs you', 'Tasks', 'Sessions', 'Notifications', 'Inbox', 'Log', 'Settings']) {
      await page.getByRole('navigation').getByRole('link', { name, exact: true }).click()
      await page.getByRole('heading', { level: 1 }).first().waitFor()
      expect(await page.getByRole('navigation').locator('[aria-current]').first().innerText()).toBe(name)
    }
    await page.setViewportSize({ width: 390, height: 844 })
    const bar = page.getByRole('navigation').getByRole('link')
    expect(await bar.filter({ visible: true }).allInnerTexts()).toEqual([
      ...['Home', 'Needs you', 'Tasks', 'Sessions', 'More'],
    ])
    await page.getByRole('link', { name: 'More' }).click()
    await page.getByRole('main').getByRole('link', { name: 'Log' }).click()
    await page.locator('[data-event]').first().waitFor()
    expect(faults).toEqual([])
    await page.close()
  })
})

describe.skipIf(!browserPath)('an empty installation', () => {
  it('shows what this machine has that could work, each with the next step, and no value of a key', async () => {
    const stage = await Stage.open()
    const env = { ANTHROPIC_API_KEY: 'sk-ant-never-shown', PATH: '/nowhere' }
    const places = await openPlaces({ env })
    for (const view of views) {
      const { page, faults } = await places.visit(stage, '/', view)
      const found = page.locator('[data-found="anthropic"]')
      await found.waitFor()
      expect(await found.innerText()).toContain('api_key_env: ANTHROPIC_API_KEY')
      expect(await page.content()).not.toContain('never-shown')
      await page.getByText('no webhook, file or chat is told anything').waitFor()
      if (view.width < 720) expect(await smallTargets(page)).toEqual([])
      if (shots) await page.screenshot({ path: `${shots}/first-${view.width}-${view.theme}.png`, fullPage: true })
      expect(await violations(page)).toEqual([])
      expect(faults).toEqual([])
      await page.close()
    }
    await stage.close()
    await places.close()
  })
})
