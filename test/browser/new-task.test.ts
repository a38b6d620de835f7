/** A new task on the page over the real daemon: read while it is written, in two ways, and sent once. */
import { mkdir } from 'node:fs/promises'
import type { Locator, Page, Route } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Story, tell } from '../fakes/story.ts'
import { violations } from './axe.ts'
import { browserPath, Stage, type View } from './page.ts'

const shots = process.env['OPENLOOM_SHOTS']

describe.skipIf(!browserPath)('a new task', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await Stage.open()
    if (shots) await mkdir(shots, { recursive: true })
  })
  afterAll(() => stage?.close())

  /** Signed in at the editor, with nothing kept from the story before. */
  const open = (story: Story, view: View = {}, path = '/new') => stage.enter(story.daemon, path, view)
  const editor = (page: Page) => page.getByLabel('The task as markdown')
  const text = (workspace: string) =>
    `# Say hello\nworkspace: ${workspace}\n\n## goal\nWrite hello.txt.\n\n## checks\n- file: hello.txt\n`

  it('is read as it is typed, its wrong line is marked, and sent it is in the queue', async () => {
    const story = await tell()
    const { page, faults } = await open(story)
    await editor(page).fill(text(story.workspace()).replace('- file: hello.txt', '- fil: hello.txt'))
    await page.getByText('1 problem', { exact: true }).waitFor()
    expect(await page.locator('.mirror .wrong').getAttribute('data-line')).toBe('8')
    await page.getByRole('button', { name: 'Line 8' }).click()
    await page.keyboard.type('- file: hello.txt')
    await page.getByText('It can be sent').waitFor()
    expect(await page.getByLabel('What OpenLoom reads').innerText()).toContain('file: hello.txt')
    await page.keyboard.press('Control+Enter')
    await page.waitForURL('**/tasks/t_*')
    expect(await page.locator('h1').innerText()).toBe('Say hello')
    await page.goto(`${story.daemon.url}/new`)
    expect(await editor(page).inputValue()).toBe('')
    expect(faults).toEqual([])
    await page.close()
  })

  it('survives a reload, a refusal and a file dropped over it', async () => {
    const story = await tell()
    const { page, faults } = await open(story)
    await editor(page).fill('# Nowhere\nworkspace: /nowhere/at/all\n')
    await page.getByText('does not exist').first().waitFor()
    await page.reload()
    await page.waitForSelector('.connection.live')
    expect(await editor(page).inputValue()).toContain('# Nowhere')
    await page.getByRole('button', { name: 'Add the task' }).click()
    await page.getByText('Nothing that you wrote is lost').waitFor()
    await page.evaluate(() => {
      const data = new DataTransfer()
      data.items.add(new File(['# Dropped\n'], 'dropped.md', { type: 'text/markdown' }))
      window.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }))
    })
    await page.waitForFunction(() => document.querySelector('textarea')?.value === '# Dropped\n')
    await page.getByRole('button', { name: 'Bring it back' }).click()
    expect(await editor(page).inputValue()).toContain('# Nowhere')
    expect(faults).toEqual([])
    await page.close()
  })

  it('is one task, though its answer is lost and the page is loaded again', async () => {
    const story = await tell()
    const { page } = await open(story)
    await page.route('**/api/tasks', async (route) => {
      await route.fetch()
      await route.abort()
    })
    await editor(page).fill(text(story.workspace()))
    await page.getByRole('button', { name: 'Add the task' }).click()
    await page.getByText('Nothing that you wrote is lost').waitFor()
    await page.unroute('**/api/tasks')
    await page.reload()
    await page.getByRole('button', { name: 'Add the task' }).click()
    await page.waitForURL('**/tasks/t_*')
    expect(story.daemon.store.tasks.page({ limit: 10 }).items).toHaveLength(1)
    await page.close()
  })

  it('keeps what is typed while it is sent', async () => {
    const story = await tell()
    const { page, faults } = await open(story)
    const held: Route[] = []
    await page.route('**/api/tasks', (route) => void held.push(route))
    await editor(page).fill(text(story.workspace()))
    await page.getByRole('button', { name: 'Add the task' }).click()
    await page.getByText('Sending…').waitFor()
    await editor(page).fill('# The next one\n')
    await held[0]?.continue()
    await page.waitForURL('**/tasks/t_*')
    await page.goto(`${story.daemon.url}/new`)
    expect(await editor(page).inputValue()).toBe('# The next one\n')
    expect(faults).toEqual([])
    await page.close()
  })

  it('takes a text of twenty thousand lines at once and whole, and goes to its wrong line', async () => {
    const story = await tell()
    const { page, faults } = await open(story)
    const wrong = text(story.workspace()).replace('- file: hello.txt', '- fil: hello.txt')
    // As one pastes a log.
    const long = wrong.replace('Write hello.txt.', `See why:\n\n${'at\n'.repeat(20_000)}`)
    const line = long.slice(0, long.indexOf('- fil:')).split('\n').length
    const enter = async (field: Locator, value: string) => {
      const began = performance.now()
      await field.evaluate((box: HTMLTextAreaElement, given) => {
        box.value = given
        box.dispatchEvent(new Event('input', { bubbles: true }))
        return new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
      }, value)
      return performance.now() - began
    }
    // A machine that needs longer for a field with nothing around it needs longer for this one.
    await page.evaluate(() => document.body.append(Object.assign(document.createElement('textarea'), { id: 'bare' })))
    const bare = await enter(page.locator('#bare'), long)
    await page.locator('#bare').evaluate((field) => field.remove())
    expect(await enter(editor(page), long)).toBeLessThan(Math.max(3_000, 5 * bare))
    await page.getByRole('button', { name: `Line ${line}` }).click()
    expect(await editor(page).evaluate((field: HTMLTextAreaElement) => field.value.length)).toBe(long.length)
    expect(await editor(page).evaluate((field: HTMLTextAreaElement) => field.selectionStart)).toBe(
      long.indexOf('- fil:'),
    )
    expect(await editor(page).getAttribute('maxlength')).toBe(null)
    expect(faults).toEqual([])
    await page.close()
  })

  it('as a form is the same text, and says at the field what is wrong', async () => {
    const story = await tell()
    const workspace = story.workspace()
    const { page, faults } = await open(story)
    await editor(page).fill(`${text(workspace)}`)
    await page.getByText('It can be sent').waitFor()
    await page.getByRole('button', { name: 'Form', exact: true }).click()
    expect(await page.locator('[name=workspace]').inputValue()).toBe(workspace)
    expect(await page.locator('[name=checks]').inputValue()).toBe('file: hello.txt')
    await page.locator('[name=minutes]').fill('many')
    await page
      .locator('label', { has: page.locator('[name=minutes]') })
      .locator('.wrong')
      .waitFor()
    await page.locator('[name=minutes]').fill('5')
    await page.locator('[name=checks]').fill('file: hello.txt\nrun: test -s hello.txt')
    await page.getByText('2 checks').waitFor()
    await page.getByText('It can be sent').waitFor()
    await page.getByRole('button', { name: 'Markdown' }).click()
    expect(await editor(page).inputValue()).toContain('  minutes: 5')
    expect(await editor(page).inputValue()).toContain('- run: test -s hello.txt')
    expect(faults).toEqual([])
    await page.close()
  })

  it('begins from a task that was, from an example, and by the key n', async () => {
    const story = await tell()
    const workspace = story.workspace()
    await story.call('POST', '/api/tasks', { markdown: `${text(workspace)}- run: test -s hello.txt\n` })
    const { task } = await story.reaches('failed')
    const { page, faults } = await open(story, {}, `/new?from=${task.id}`)
    await page.waitForFunction(() => document.querySelector('textarea')?.value.includes('# Say hello'))
    expect(await editor(page).inputValue()).toContain('- run: test -s hello.txt')
    await page.getByText('It can be sent').waitFor()
    await page.getByLabel('Begin from an example').selectOption('Fix the failing tests')
    await page.waitForFunction(() => document.querySelector('textarea')?.value.includes('# Fix the failing tests'))
    await page.goto(story.daemon.url)
    await page.waitForSelector('[data-row]')
    await page.keyboard.press('n')
    await page.waitForURL('**/new')
    expect(faults).toEqual([])
    await page.close()
  })

  const views = [1440, 390].flatMap((width) => (['dark', 'light'] as const).map((theme) => ({ width, theme })))
  it.each(views)('fits and breaks no rule at $width px, $theme', async (view) => {
    const story = await tell()
    const { page, faults } = await open(story, view)
    const look = async (name: string) => {
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0)
      expect(await violations(page)).toEqual([])
      const path = `${shots}/${name}-${view.width}-${view.theme}.png`
      if (shots) await page.screenshot({ path, fullPage: true })
    }
    await editor(page).fill('')
    await look('new-empty')
    await editor(page).fill(text(story.workspace()).replace('- file', '- fil'))
    await page.getByText('1 problem', { exact: true }).waitFor()
    await look('new-problem')
    await editor(page).fill(text(story.workspace()))
    await page.getByText('It can be sent').waitFor()
    await look('new-task')
    await page.getByRole('button', { name: 'Form', exact: true }).click()
    await look('new-form')
    expect(faults).toEqual([])
    await page.close()
  })
})
