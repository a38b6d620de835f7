/** The page while its daemon is away, and the page on another screen. */
import { encode } from 'uqr'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { violations } from './axe.ts'
import { crowdScene } from './crowds.ts'
import { browserPath, leave, Stage } from './page.ts'
import { emptyScene } from './scenes.ts'

const { OPENLOOM_SHOTS: shots } = process.env

describe.skipIf(!browserPath)('the page', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await Stage.open({ worker: true })
  })
  afterAll(() => stage?.close())

  it('opens without its daemon, says what was last known, and goes on when it is back', async () => {
    const shown = await stage.show(crowdScene(40), '/', { width: 390 })
    const { page, api } = shown
    await page.waitForSelector('[data-row]')
    await page.evaluate(() => navigator.serviceWorker.ready)
    const kept = () =>
      page.evaluate(async () => {
        const requests = await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys()))
        return requests.flat().map(({ url }) => new URL(url).pathname)
      })
    await expect.poll(kept).toContain('/')
    expect((await kept()).some((path) => path.endsWith('.woff2'))).toBe(true)
    await api.close()
    await page.reload()
    await page.getByRole('heading', { name: 'The daemon does not answer' }).waitFor()
    const away = await page.getByRole('main').innerText()
    for (const words of ['openloom serve', 'npm start', 'comes alive by itself']) expect(away).toContain(words)
    expect(await page.getByRole('alert').count()).toBe(0)
    expect(await page.locator('[data-seen]').innerText()).toMatch(/Last seen .*: 3 tasks for you,\s+3 running\./)
    expect(await violations(page)).toEqual([])
    if (shots) await page.screenshot({ path: `${shots}/offline-390-dark.png` })
    expect((await kept()).filter((path) => path !== '/' && !path.startsWith('/assets/'))).toEqual([])
    await api.open()
    await page.waitForSelector('.connection.live')
    await page.waitForSelector('[data-row]')
    expect(await page.locator('[data-seen]').count()).toBe(0)
    await leave(shown)
  })

  it('keeps the old page whole until the new one is whole', async () => {
    const shown = await stage.show(emptyScene())
    const { page, api } = shown
    await page.evaluate(() => navigator.serviceWorker.ready)
    const kept = () =>
      page.evaluate(async () => {
        const found = await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).match('/')))
        return (await found.find(Boolean)?.text()) ?? ''
      })
    await expect.poll(kept).toContain('id="app"')
    // A build whose files cannot be had, as when the daemon stops in between.
    api.edit = (html) => html.replace('</head>', '<link rel="preload" as="script" href="/assets/gone.js"></head>')
    const refused = page
      .context()
      .waitForEvent('requestfinished', (request) => request.url().endsWith('/assets/gone.js'))
    await page.reload()
    await refused
    await page.waitForSelector('.connection.live')
    expect(await kept()).not.toContain('gone.js')
    await api.close()
    await page.reload()
    await page.getByRole('heading', { name: 'The daemon does not answer' }).waitFor()
    await leave(shown)
  })

  it('works in a browser that has no room to keep anything, and with what an older page kept', async () => {
    const shown = await stage.show(emptyScene())
    const { page, faults } = shown
    await page.waitForSelector('.connection.live')
    await page.evaluate(() => localStorage.setItem('openloom.draft', '{"form":{"title":"An old draft"}}'))
    await page.addInitScript(() => {
      Storage.prototype.setItem = () => {
        throw new DOMException('no room', 'QuotaExceededError')
      }
    })
    await page.goto(`${shown.api.url}/new`)
    await page.waitForSelector('.connection.live')
    expect(await page.getByLabel(/^Title/).inputValue()).toBe('An old draft')
    await page.getByLabel(/^Goal/).fill('Say hello.')
    await page.getByText('This browser keeps no draft').waitFor()
    expect(faults).toEqual([])
    await leave(shown)
  })

  it('can be installed', async () => {
    const shown = await stage.show(emptyScene())
    const manifest = await shown.page.evaluate(async () => {
      const link = document.querySelector<HTMLLinkElement>('link[rel=manifest]')
      return (await (await fetch(link?.href ?? '')).json()) as { icons: { src: string; sizes: string }[] }
    })
    const sizes = await shown.page.evaluate(async (icons) => {
      const found = icons.map(async ({ src }) => {
        const image = new Image()
        image.src = src
        await image.decode()
        return `${image.naturalWidth}x${image.naturalHeight}`
      })
      return Promise.all(found)
    }, manifest.icons.slice(1))
    expect(sizes).toEqual(manifest.icons.slice(1).map(({ sizes }) => sizes))
    expect(shown.faults).toEqual([])
    await leave(shown)
  })

  it('says that a phone cannot open what only this machine reaches, and makes no code', async () => {
    const shown = await stage.show(emptyScene(), '/phone', { width: 390, theme: 'light' })
    await shown.page.getByText('an address that only this machine reaches').waitFor()
    expect(await shown.page.getByRole('button', { name: 'Show a login code' }).count()).toBe(0)
    expect(await violations(shown.page)).toEqual([])
    expect(shown.api.posts).toEqual([])
    await leave(shown)
  })

  it('shows a login code to a phone where it has a name that others know', async () => {
    const shown = await stage.show(emptyScene())
    const origin = shown.api.url.replace('127.0.0.1', 'loom.example')
    const { page, faults } = await stage.visit(origin, '/phone')
    await page.getByRole('button', { name: 'Show a login code' }).click()
    const code = page.getByRole('img', { name: 'Login link as a QR code' })
    await code.waitFor()
    const { data } = encode(`${origin}/login#one-time-code`, { ecc: 'M', border: 4 })
    const dark = data.flat().filter(Boolean).length
    expect((await code.locator('path').getAttribute('d'))?.split('M').length).toBe(dark + 1)
    expect(await violations(page)).toEqual([])
    if (shots) await page.screenshot({ path: `${shots}/phone-1440-dark.png` })
    expect(faults).toEqual([])
    await page.close()
    await leave(shown)
  })
})
