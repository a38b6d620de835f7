/** The page over the real daemon and its sample, from the login link to the evidence. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { type Daemon, startDaemon } from '../../src/daemon.ts'
import { violations } from './axe.ts'
import { browserPath, Stage, smallTargets } from './page.ts'

const shots = process.env['OPENLOOM_SHOTS']

async function startSample(home: string): Promise<Daemon> {
  const env = { HOME: home, PATH: process.env['PATH'], OPENLOOM_UI_PORT: '0', OPENLOOM_DATA_DIR: join(home, 'data') }
  const loaded = loadConfig({ cwd: home, env })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const started = await startDaemon(loaded.value, { env })
  if (!started.ok) throw new Error(JSON.stringify(started.problems))
  return started.value
}

describe.skipIf(!browserPath)('a newcomer', () => {
  const home = mkdtempSync(join(tmpdir(), 'loom-newcomer-'))
  let stage: Stage
  let daemon: Daemon
  beforeAll(async () => {
    stage = await Stage.open()
    daemon = await startSample(home)
  })
  afterAll(async () => {
    await stage?.close()
    await daemon?.stop(true)
    if (daemon?.sampleFolder) rmSync(daemon.sampleFolder, { recursive: true, force: true })
    rmSync(home, { recursive: true, force: true })
  })

  it('without the link sees only the door, and no data', async () => {
    const { page, faults } = await stage.visit(daemon.url, '/')
    await page.getByText('openloom status --login').waitFor()
    expect(await page.getByText('Weave a greeting').count()).toBe(0)
    expect(faults).toEqual([])
    await page.close()
  })

  it('logs in by the link, watches the sample become verified, and reads why', async () => {
    const link = daemon.loginUrl()
    const { page, faults } = await stage.visit(daemon.url, link.slice(daemon.url.length))
    await page.getByText('no real agent is involved').waitFor()
    expect(new URL(page.url()).hash).toBe('')
    await page.getByText('verified', { exact: true }).first().waitFor({ timeout: 15_000 })
    await page
      .getByRole('link', { name: /Weave a greeting/ })
      .first()
      .click()
    const first = page.locator('[data-attempt="1"]')
    await first.waitFor()
    expect(await first.locator('.files').innerText()).toContain('hello.md does not exist')
    expect(await page.locator('[data-attempt="2"] .files').innerText()).toContain('All 2 checks pass')
    expect(faults).toEqual([])
    await page.close()
  })

  it('is led by the link to what the tab had been opened for', async () => {
    const { page, faults } = await stage.visit(daemon.url, '/')
    await page.context().clearCookies()
    await page.goto(`${daemon.url}/log?q=hello`)
    await page.getByText('openloom status --login').waitFor()
    await page.goto(daemon.loginUrl())
    await page.getByRole('heading', { name: 'Log' }).waitFor()
    expect(page.url()).toBe(`${daemon.url}/log?q=hello`)
    expect(faults).toEqual([])
    await page.close()
  })

  it('cannot use the link twice', async () => {
    const link = daemon.loginUrl()
    const code = link.split('#')[1] ?? ''
    const login = () =>
      fetch(`${daemon.url}/api/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ code }),
      })
    expect([(await login()).status, (await login()).status]).toEqual([200, 401])
  })

  it('is led in by a used link, and by a login in another tab, when they are in already', async () => {
    const link = daemon.loginUrl().slice(daemon.url.length)
    const inside = await stage.visit(daemon.url, link)
    await inside.page.waitForSelector('.connection.live')
    const again = await stage.visit(daemon.url, link)
    await again.page.waitForSelector('.connection.live')
    expect(new URL(again.page.url()).pathname).toBe('/')
    await again.page.context().clearCookies()
    await again.page.goto(`${daemon.url}/log`)
    await again.page.getByText('openloom status --login').waitFor()
    await inside.page.goto(daemon.loginUrl())
    await inside.page.waitForSelector('.connection.live')
    await again.page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
    await again.page.getByRole('heading', { name: 'Log' }).waitFor()
    await inside.page.close()
    await again.page.close()
  })

  it('signs out a browser that is lost, and at last itself, and sees the door at once', async () => {
    const code = new URL(daemon.loginUrl()).hash.slice(1)
    const body = JSON.stringify({ code })
    const json = { 'content-type': 'application/json' }
    const lost = await fetch(`${daemon.url}/api/login`, { method: 'POST', headers: json, body })
    const cookie = (lost.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
    const asLost = async () => (await fetch(`${daemon.url}/api/state`, { headers: { cookie } })).status
    expect(await asLost()).toBe(200)
    const { page, faults } = await stage.enter(daemon, '/phone', { width: 390, theme: 'light' })
    const rows = page.getByRole('region', { name: 'Signed in' }).locator('li')
    const newest = rows.filter({ hasText: 'This browser' })
    await newest.waitFor()
    expect(await violations(page)).toEqual([])
    expect(await smallTargets(page)).toEqual([])
    const before = await rows.count()
    await rows.nth(1).getByRole('button', { name: 'Sign out…' }).click()
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe('Keep it')
    await page.getByRole('button', { name: 'Sign it out' }).click()
    await expect.poll(() => rows.count()).toBe(before - 1)
    expect(await asLost()).toBe(401)
    if (shots) await page.screenshot({ path: `${shots}/logins-390-light.png`, fullPage: true })
    await newest.getByRole('button', { name: 'Sign out…' }).click()
    await page.getByRole('button', { name: 'Sign this browser out' }).click()
    await page.getByText('openloom status --login').first().waitFor()
    expect(faults).toEqual([])
    await page.close()
  })
})
