/** Stories of what a person sees and decides when a verdict says more than pass or fail, in a real browser. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { problem, type Scene } from '../fakes/api.ts'
import { attack } from './crowds.ts'
import {
  flakyScene,
  hereScene,
  one,
  projectScene,
  proposedScene,
  tamperedScene,
  verdictsScene,
  weakenedScene,
} from './judged.ts'
import { browserPath, leave, Stage } from './page.ts'

const pathOf = (scene: Scene) => `/tasks/${one(scene).task.id}`
const plain = (text: string) => text.replace(/\s+/g, ' ').trim()

describe.skipIf(!browserPath)('a verdict', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await Stage.open()
  })
  afterAll(() => stage?.close())

  const opened = async (scene: Scene) => {
    const shown = await stage.show(scene, pathOf(scene))
    await shown.page.waitForSelector('[data-attempt="1"]')
    return { shown, check: shown.page.locator('details[data-finding][open]') }
  }

  it('that holds only here opens its check with what is missing in the result', async () => {
    const { shown, check } = await opened(hereScene())
    expect(await check.count()).toBe(1)
    expect(plain(await check.locator('.stages').innerText())).toBe('before fail → here pass → clean checkout fail')
    const text = plain(await check.locator('.clean').innerText())
    expect(text).toContain('npm test ended with 1, expected 0.')
    expect(text).toContain('no such file or directory, open "rates.json"')
    expect(text).toContain('Here, but no part of the result 31 rates.json src/generated/table.ts and 29 more')
    expect(plain(await check.innerText())).toContain('only linked from here: node_modules')
    expect(plain(await check.innerText())).not.toContain('leftCount')
    await leave(shown)
  })

  it('of tampering shows the change as text and is accepted as it was shown', async () => {
    const { shown } = await opened(tamperedScene())
    const card = shown.page.locator('[data-tampered]')
    expect(await card.locator('.removed').allInnerTexts()).toHaveLength(2)
    expect(await card.locator('.added').innerText()).toContain(attack)
    expect(await shown.page.evaluate(() => 'hacked' in window)).toBe(false)
    expect(plain(await shown.page.locator('header .badge').first().innerText())).toBe('tampered')
    await card.getByRole('button', { name: 'Accept this change' }).click()
    await shown.page.getByText('Accepted. The checks run again.').waitFor()
    const [post] = shown.api.posts
    expect(post?.path).toBe(`/api${new URL(shown.page.url()).pathname}/accept`)
    expect(post?.body).toEqual({ changes: ['test/price.test.js:ab12', 'test/tax.test.js:'] })
    expect(shown.faults).toEqual([])
    await leave(shown)
  })

  it('of tampering is not accepted when it changed meanwhile, and is read again', async () => {
    const scene = tamperedScene()
    const { shown } = await opened(scene)
    shown.api.refusals.set('accept', problem('Conflict', 409, 'What is to be accepted is not what was found.'))
    const record = one(scene).attempts[0]?.checks[1]
    if (record) record.evidence.excerpt = 'changed: test/price.test.js\n@@ -1 +1 @@\n-later\n+on'
    await shown.page.getByRole('button', { name: 'Accept this change' }).click()
    await shown.page.getByText('Nothing was accepted: it changed meanwhile').waitFor()
    expect(await shown.page.locator('[data-tampered] .removed').innerText()).toContain('later')
    await leave(shown)
  })

  it('of tampering is looked at again once the files are back', async () => {
    const { shown } = await opened(tamperedScene())
    await shown.page.getByRole('button', { name: 'I put it back: check again' }).click()
    await expect.poll(() => shown.api.posts.map((post) => post.path.split('/').at(-1))).toEqual(['resume'])
    await leave(shown)
  })

  it('weakened counts the tests before and after, and names what is gone', async () => {
    const { shown, check } = await opened(weakenedScene())
    expect(plain(await check.locator('summary .badge').innerText())).toBe('weakened')
    expect(plain(await check.locator('table').innerText())).toBe(
      'tests before here clean checkout passed 12 11 11 failed 2 0 0 skipped 0 1 1',
    )
    expect(await check.innerText()).toContain('adds tax; refuses a negative price')
    await leave(shown)
  })

  it('with a flaky check and one in quarantine says both', async () => {
    const { shown } = await opened(flakyScene())
    expect(plain(await shown.page.locator('header .badge').first().innerText())).toBe('verified, 1 flaky')
    const words = await shown.page.locator('details[data-finding] summary .badge').allInnerTexts()
    expect(words.map(plain)).toEqual(['pass, flaky', 'quarantined'])
    expect(await shown.page.locator('.files').innerText()).toContain('1 of 2 checks pass; the rest is in quarantine.')
    await leave(shown)
  })

  it.each([
    ['project', projectScene, 'found in the project'],
    ['proposed', proposedScene, 'proposed by a model from the acceptance lines'],
  ] as const)('by %s checks says who brought them', async (word, scene, label) => {
    const { shown } = await opened(scene())
    expect(await shown.page.locator('header .badge').first().innerText()).toContain(`verified (${word} checks)`)
    expect(await shown.page.locator('details[data-finding]').first().innerText()).toContain(label)
    await leave(shown)
  })

  it.each([1440, 1024, 390])('stays in its column of a list, whole, at %d px', async (width) => {
    const shown = await stage.show(verdictsScene(), '/', { width })
    const row = shown.page.locator('[data-section="finished"] [data-row]')
    await row.first().waitFor()
    expect((await row.locator('.badge').allInnerTexts()).map(plain).sort()).toEqual([
      'verified',
      'verified project checks',
      'verified proposed checks',
    ])
    const needs = shown.page.locator('[data-section="needs"] [data-row]', { hasText: 'Take the discount' })
    expect(plain(await needs.locator('.badge').innerText())).toBe('tampered')
    expect(await needs.innerText()).toContain('The work changed what judges it.')
    const overlaps = await shown.page.evaluate(
      () =>
        [...document.querySelectorAll('[data-row]')].filter((row) => {
          const box = (name: string) => row.querySelector(name)?.getBoundingClientRect()
          const [badge, what] = [box('.badge'), box('.what')]
          return badge && what && badge.right > what.left && badge.bottom > what.top
        }).length,
    )
    expect(overlaps).toBe(0)
    await leave(shown)
  })
})
