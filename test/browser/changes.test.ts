/** Settings that are changed on the page, and agents that are taken into use there, over the real daemon. */

import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openOllama } from '../fakes/ollama.ts'
import { atRest, violations } from './axe.ts'
import { browserPath, Stage, smallTargets } from './page.ts'
import { openPlaces, type Places } from './places.ts'

const views = [1440, 390].flatMap((width) => (['dark', 'light'] as const).map((theme) => ({ width, theme })))
const shots = process.env['OPENLOOM_SHOTS']

describe.skipIf(!browserPath)('what is changed on the page', () => {
  let stage: Stage
  let places: Places | null = null
  beforeAll(async () => {
    stage = await Stage.open()
    if (shots) await mkdir(shots, { recursive: true })
  })
  afterEach(async () => {
    await places?.close()
    places = null
  })
  afterAll(() => stage?.close())
  const fileOf = ({ home }: Places) => join(home, '.config', 'openloom', 'config.yaml')

  it('an agent that was found is in use after one press, its lines in sight; what does not run has none', async () => {
    const ollama = await openOllama()
    const bin = join(stage.profile, 'bin')
    mkdirSync(bin)
    writeFileSync(join(bin, 'claude'), '#!/bin/sh\n')
    chmodSync(join(bin, 'claude'), 0o755)
    places = await openPlaces({
      env: { OLLAMA_HOST: `127.0.0.1:${ollama.port}`, OPENLOOM_SAMPLE: 'on', PATH: `${bin}:${process.env['PATH']}` },
    })
    for (const view of views) {
      const { page, faults } = await places.visit(stage, '/', view)
      await page.locator('[data-found="ollama"]').waitFor()
      await atRest(page)
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0)
      if (view.width < 720) expect(await smallTargets(page)).toEqual([])
      expect(await violations(page)).toEqual([])
      if (shots) await page.screenshot({ path: `${shots}/agents-${view.width}-${view.theme}.png`, fullPage: true })
      expect(faults).toEqual([])
      await page.close()
    }
    const { page, faults } = await places.visit(stage, '/')
    const claude = page.locator('[data-found="Claude Code"]')
    expect(await claude.innerText()).toContain('does not run it yet')
    expect(await claude.getByRole('button').count()).toBe(0)
    const found = page.locator('[data-found="ollama"]')
    const lines = await found.locator('.put-in .text').allTextContents()
    expect(existsSync(fileOf(places))).toBe(false)
    await found.getByRole('button', { name: 'Write these lines and use ollama' }).click()
    await page.getByText('ollama is in use').waitFor()
    await page.locator('[data-found="ollama"][data-state="used"]').waitFor()
    const text = readFileSync(fileOf(places), 'utf8')
    expect(text.trimEnd().split('\n')).toEqual(lines)
    await page.getByText('qwen3:8b at ollama').waitFor()
    await found.getByRole('button', { name: 'Take out of the settings again: ollama' }).click()
    await page.locator('[data-found="ollama"][data-state="usable"]').waitFor()
    expect(readFileSync(fileOf(places), 'utf8')).toBe('')
    expect(faults).toEqual([])
    await page.close()
    ollama.close()
  })

  it('a setting shows its lines before they are written, holds, and is undone; what wins over it says so', async () => {
    places = await openPlaces({ env: { OPENLOOM_STALE_BUSY_CHECKS: '12' } })
    const { page, faults } = await places.visit(stage, '/settings')
    const row = page.locator('[data-change="concurrency.tasks"]')
    const field = row.getByRole('textbox')
    expect(await field.inputValue()).toBe('4')
    await field.fill('6')
    await field.press('Tab')
    await row.getByText('tasks: 6').waitFor()
    expect(existsSync(fileOf(places))).toBe(false)
    await row.getByRole('button', { name: 'Write these lines' }).click()
    await page.getByText('concurrency.tasks is changed').waitFor()
    expect(readFileSync(fileOf(places), 'utf8')).toBe('concurrency:\n  tasks: 6\n')
    expect(await page.locator('[data-setting="concurrency.tasks"]').innerText()).toContain('config.yaml:2')
    await row.getByRole('button', { name: 'Undo' }).click()
    await row.locator('.taken-out').first().waitFor()
    await row.getByRole('button', { name: 'Write these lines' }).click()
    await expect.poll(() => field.inputValue()).toBe('4')
    expect(readFileSync(fileOf(places), 'utf8')).toBe('')

    await field.fill('many')
    await field.press('Tab')
    await row.locator('.trouble').waitFor()
    const fixed = page.locator('[data-change="stale_busy.checks"]')
    expect(await fixed.innerText()).toContain('It is taken from OPENLOOM_STALE_BUSY_CHECKS')
    expect(await fixed.getByRole('textbox').count()).toBe(0)
    expect(faults).toEqual([])
    await page.close()
  })

  it('a file that somebody edits meanwhile is not written over', async () => {
    places = await openPlaces()
    const { page, faults } = await places.visit(stage, '/settings')
    const row = page.locator('[data-change="retention.days"]')
    await row.getByRole('textbox').fill('30')
    await row.getByRole('textbox').press('Tab')
    await row.getByText('days: 30').waitFor()
    mkdirSync(join(places.home, '.config', 'openloom'), { recursive: true })
    writeFileSync(fileOf(places), '# just now\n')
    await row.getByRole('button', { name: 'Write these lines' }).click()
    await page.getByText('is not as it was when you opened it').waitFor()
    expect(readFileSync(fileOf(places), 'utf8')).toBe('# just now\n')
    expect(faults).toEqual([])
    await page.close()
  })

  it.each(views)('fits and breaks no rule at $width px, $theme, with lines to be written', async (view) => {
    places = await openPlaces({
      settings: (sinks) => `notify:\n  sinks:${sinks}\n`,
      env: { OPENLOOM_CONCURRENCY: '2' },
    })
    const { page, faults } = await places.visit(stage, '/settings', view)
    const row = page.locator('[data-change="defaults.limits.tokens"]')
    await row.getByRole('textbox').fill('2000000')
    await row.getByRole('textbox').press('Tab')
    await row.getByText('tokens: 2000000').waitFor()
    await atRest(page)
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0)
    if (view.width < 720) expect(await smallTargets(page)).toEqual([])
    expect(await violations(page)).toEqual([])
    if (shots) await page.screenshot({ path: `${shots}/changes-${view.width}-${view.theme}.png`, fullPage: true })
    expect(faults).toEqual([])
    await page.close()
  })
})
