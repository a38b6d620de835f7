/** A real Chromium for one measurement, signed in to a daemon. It measures in the page and judges nothing. */
import { existsSync } from 'node:fs'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import type { BenchWorld } from './world.ts'

const candidates = [process.env.OPENLOOM_CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser']
export const chromePath = candidates.find((path) => path && existsSync(path)) ?? null

const flags = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update']
const viewport = { width: 1440, height: 900 }

export const openChrome = (): Promise<Browser> =>
  chromium.launch({ executablePath: chromePath ?? '', headless: true, args: flags })

/** An empty cache, and the cookie that a login link gives. */
export async function signedIn(browser: Browser, world: BenchWorld): Promise<BrowserContext> {
  const context = await browser.newContext({ viewport })
  const { url } = (await (await world.post('/api/login-codes', {})).json()) as { url: string }
  const code = url.split('#')[1] ?? ''
  await context.request.post(`${world.url}/api/login`, { data: { code } })
  return context
}

/** Longest time between two frames while the page, or a box in it, is scrolled by a wheel, ms. */
export async function longestFrame(page: Page, at: { x: number; y: number }): Promise<number> {
  await page.mouse.move(at.x, at.y)
  await page.evaluate(() => {
    const seen: number[] = []
    let last = performance.now()
    const step = (now: number) => {
      seen.push(now - last)
      last = now
      requestAnimationFrame(step)
    }
    requestAnimationFrame(step)
    Object.assign(window, { frames: seen })
  })
  const wheels = 90
  for (let n = 0; n < wheels; n++) {
    await page.mouse.wheel(0, 400)
    await page.waitForTimeout(30)
  }
  const frames = await page.evaluate(() => (window as unknown as { frames: number[] }).frames.slice(2))
  return Math.max(...frames)
}
