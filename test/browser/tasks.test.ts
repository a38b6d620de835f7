/** The list of all tasks: in an order, put away, and many at once. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TaskPage } from '../../src/server/api.ts'
import { problem } from '../fakes/api.ts'
import { tell } from '../fakes/story.ts'
import { violations } from './axe.ts'
import { crowdScene } from './crowds.ts'
import { browserPath, heldAnswers, leave, type Shown, Stage } from './page.ts'
import { Log } from './scenes.ts'

const shots = process.env['OPENLOOM_SHOTS']
const rows = ({ page }: Pick<Shown, 'page'>) => page.locator('[data-row]')

describe.skipIf(!browserPath)('the list of all tasks', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await Stage.open()
  })
  afterAll(() => stage?.close())

  it('picks by key and box, and does one deed to all that can take it', async () => {
    const shown = await stage.show(crowdScene(60), '/tasks?status=paused,failed')
    const { page, api } = shown
    await rows(shown).first().waitFor()
    const all = await rows(shown).count()
    const failed = await page.locator('[data-row][data-status=failed]').count()
    await page.keyboard.press('j')
    await page.keyboard.press('x')
    await page.getByText('1 picked').waitFor()
    await page.keyboard.press('x')
    await page.waitForFunction(() => !document.querySelector('[aria-label="Picked tasks"]'))
    await page.locator('.all input').check()
    await page.getByText(`${all} picked`).waitFor()
    await page.locator('[data-bulk=retry]').click()
    await page.getByText(`Retry: ${failed} task`).waitFor()
    expect(api.posts.map(({ path }) => path.split('/').at(-1))).toEqual(Array(failed).fill('retry'))
    expect(shown.faults).toEqual([])
    await leave(shown)
  })

  it('asks before many are cancelled, by their names, and keeps those picked that were refused', async () => {
    const shown = await stage.show(crowdScene(60), '/tasks?status=paused')
    const { page, api } = shown
    await rows(shown).first().waitFor()
    const title = await rows(shown).first().locator('.title').innerText()
    api.refusals.set('cancel', problem('Wrong state', 409, 'It is done already.'))
    await page.locator('[data-task] input').first().check()
    await page.locator('[data-bulk=cancel]').click()
    await page
      .getByRole('alert')
      .filter({ hasText: `Cancel 1 task: “${title}”` })
      .waitFor()
    expect(api.posts).toEqual([])
    await page.getByRole('button', { name: 'Cancel 1', exact: true }).click()
    await page.getByText('Cancel was refused for 1 task').waitFor()
    await page.getByText('1 picked').waitFor()
    await leave(shown)
  })

  it.each([1440, 390].flatMap((width) => (['dark', 'light'] as const).map((theme) => ({ width, theme }))))(
    'with picked tasks fits and breaks no rule at $width px, $theme',
    async (view) => {
      const shown = await stage.show(crowdScene(60), '/tasks', view)
      await rows(shown).first().waitFor()
      for (const n of [0, 1, 3]) await shown.page.locator('[data-task] input').nth(n).check()
      expect(await shown.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0)
      expect((await violations(shown.page)).slice(0, 3)).toEqual([])
      if (shots) await shown.page.screenshot({ path: `${shots}/picked-${view.width}-${view.theme}.png` })
      await leave(shown)
    },
  )

  it('shows what became of a task while the list was read', async () => {
    const scene = crowdScene(60)
    const shown = await stage.show(scene, '/')
    const { page, api } = shown
    await page.waitForSelector('[data-section="running"]')
    const one = scene.details.find(({ task }) => task.status === 'running')
    if (!one) throw new Error('nothing runs in this scene')
    const { reached, release } = await heldAnswers(page, '**/api/tasks?*')
    const needs = await page.locator('nav .count').innerText()
    await page.getByRole('navigation').getByRole('link', { name: 'Tasks' }).click()
    await reached
    await api.emit(new Log(Date.now(), scene.state.seq).move(0, 'task.paused', one, 'paused'))
    await page.waitForFunction((before) => document.querySelector('nav .count')?.textContent?.trim() !== before, needs)
    release()
    await rows(shown).first().waitFor()
    const row = page.locator(`[data-task="${one.task.id}"] [data-row]`)
    expect(await row.getAttribute('data-status')).toBe('paused')
    await leave(shown)
  })

  it('stands in the order that is asked for, and what was put away only when asked for', async () => {
    const story = await tell()
    const ids: string[] = []
    for (const title of ['One', 'Two', 'Three']) {
      const markdown = `# ${title}\nworkspace: ${story.workspace(title)}\n`
      const { id } = (await (await story.call('POST', '/api/tasks', { markdown })).json()) as { id: string }
      await story.reaches('done', id)
      ids.push(id)
    }
    story.daemon.store.tasks.patch(ids[0] ?? '', { tokens: 900_000 })
    story.daemon.store.tasks.patch(ids[2] ?? '', { tokens: 500_000 })
    await story.call('POST', `/api/tasks/${ids[1]}/archive`, {})
    const pageOf = async (query: string) => (await (await story.call('GET', `/api/tasks?${query}`)).json()) as TaskPage
    const first = await pageOf('order=tokens&limit=2')
    expect(first.items.map(({ title }) => title)).toEqual(['One', 'Three'])
    expect((await pageOf(`order=tokens&after=${first.next}`)).items.map(({ title }) => title)).toEqual(['Two'])
    const { page, faults } = await stage.enter(story.daemon, '/tasks')
    await rows({ page }).first().waitFor()
    expect(await page.locator('[data-row] .title').allInnerTexts()).toEqual(['Three', 'One'])
    await page.getByLabel('Order').selectOption('tokens')
    await page.waitForFunction(() => document.querySelector('[data-row] .title')?.textContent?.trim() === 'One')
    await page.getByLabel('Status').selectOption('archived')
    await page.waitForFunction(() => document.querySelectorAll('[data-row]').length === 1)
    expect((await page.locator('[data-row] .title').textContent())?.trim()).toBe('Two')
    expect(faults).toEqual([])
    await page.close()
  })
})
