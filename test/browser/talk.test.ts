/** A session of our own agent as a conversation: told well, spoken to, forked, taken back; and hostile to no one. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EventType, LoomEvent } from '../../src/core/event.ts'
import { problem, type Scene } from '../fakes/api.ts'
import { browserPath, leave, type Shown, Stage } from './page.ts'
import { attackScene, longScene, said, talkScene } from './talk.ts'

const bodies = ({ api }: Shown) => api.posts.map(({ path, body }) => [path, body])
const button = ({ page }: Shown, name: string | RegExp) => page.getByRole('button', { name, exact: true })
const message = ({ page }: Shown, id: number) => page.locator(`[data-message="${id}"]`)

let seq = 100
const event = (type: EventType): LoomEvent => ({
  ...{ seq: ++seq, at: Date.now(), machine: 'local', type, taskId: null, sessionId: 'ses_talk', data: {} },
})

describe.skipIf(!browserPath)('a talk with our own agent', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await Stage.open()
  })
  afterAll(() => stage?.close())

  const open = async (scene: Scene, path = '/sessions/ses_talk'): Promise<Shown> => {
    const shown = await stage.show(scene, path)
    await shown.page.waitForSelector('.connection.live')
    await shown.page.waitForSelector('[data-message]')
    return shown
  }

  it('shows markdown as what it means, code in colours, and calls with their change', async () => {
    const shown = await open(talkScene())
    const answer = message(shown, 3)
    expect(await answer.locator('strong').filter({ hasText: '503' }).count()).toBe(1)
    expect(await answer.locator('table td').allInnerTexts()).toContain('tries again')
    expect(await answer.locator('ol > li').count()).toBe(2)
    expect(await answer.locator('pre .word').allInnerTexts()).toContain('async')
    expect(await answer.locator('a.link').getAttribute('rel')).toBe('noopener noreferrer nofollow')
    const call = answer.locator('[data-tool="c-edit"]')
    expect(await call.innerText()).toContain('src/upload.ts')
    await call.locator('summary').click()
    expect((await call.locator('.added').innerText()).trimEnd()).toContain('+  const response = await retried')
    expect(await call.locator('.removed').count()).toBe(2)
    // Only what is in view is drawn, and a talk is opened at its end.
    const up = async () => {
      await shown.page.evaluate(() => scrollTo(0, 0))
      return message(shown, 1).count()
    }
    await expect.poll(up).toBe(1)
    expect(await message(shown, 1).innerText()).toContain('**src/upload.ts**')
    expect(shown.faults).toEqual([])
    await leave(shown)
  })

  it('streams what is said now, and it stands in the transcript once', async () => {
    const scene = talkScene({ state: 'busy' })
    const shown = await open(scene)
    const saying = shown.page.locator('[data-saying]')
    await shown.api.delta({ taskId: null, sessionId: 'ses_talk', kind: 'reasoning', text: 'Let me see.' })
    await shown.api.delta({ taskId: null, sessionId: 'ses_talk', kind: 'text', text: 'It is **do' })
    await shown.api.delta({ taskId: null, sessionId: 'ses_talk', kind: 'text', text: 'ne** now.' })
    await saying.locator('strong').filter({ hasText: 'done' }).waitFor()
    await shown.page.waitForFunction(() => innerHeight + scrollY >= document.body.scrollHeight - 2)
    scene.said?.['ses_talk']?.push(said(6, 'assistant', 'It is **done** now.'))
    await shown.api.emit(event('message.finished'))
    await message(shown, 6).waitFor()
    await saying.waitFor({ state: 'detached' })
    expect(shown.faults).toEqual([])
    await leave(shown)
  })

  it('takes a prompt with Enter and shows it at once', async () => {
    const shown = await open(talkScene())
    const field = shown.page.locator('form.composer textarea')
    await field.fill('And the changelog?')
    await field.press('Shift+Enter')
    expect(bodies(shown)).toEqual([])
    await field.press('Enter')
    await expect.poll(() => shown.page.locator('form.composer textarea').inputValue()).toBe('')
    // The field is empty at once; the words are on their way by then.
    await expect.poll(() => bodies(shown)).toEqual([['/api/sessions/ses_talk/prompt', { text: 'And the changelog?' }]])
    await leave(shown)
  })

  it('gives back a prompt that was refused', async () => {
    const shown = await open(talkScene())
    shown.api.refusals.set('prompt', problem('Conflict', 409, 'Task t_9 works in this session.'))
    await shown.page.locator('form.composer textarea').fill('Go on.')
    await button(shown, 'Send').click()
    await shown.page.getByText('Task t_9 works in this session.').waitFor()
    expect(await shown.page.locator('form.composer textarea').inputValue()).toBe('Go on.')
    await leave(shown)
  })

  it('is steered while it works', async () => {
    const shown = await open(talkScene({ state: 'busy' }))
    await shown.page.locator('form.composer textarea').fill('Leave the tests alone.')
    await button(shown, 'Steer').click()
    await expect.poll(() => shown.page.locator('form.composer textarea').inputValue()).toBe('')
    const steered = [['/api/sessions/ses_talk/steer', { text: 'Leave the tests alone.' }]]
    await expect.poll(() => bodies(shown)).toEqual(steered)
    await leave(shown)
  })

  it('is forked from a message, and a message is copied', async () => {
    const scene = talkScene()
    const shown = await open(scene)
    await message(shown, 4).hover()
    await message(shown, 4).getByRole('button', { name: 'Copy the message' }).click()
    await message(shown, 4).getByText('copied').waitFor()
    expect(await shown.page.evaluate(() => navigator.clipboard.readText())).toBe(
      'Good. Say in the README how often it tries.',
    )
    await message(shown, 4).getByRole('button', { name: 'Fork from here' }).click()
    await shown.page.waitForURL('**/sessions/ses_fork')
    expect(bodies(shown)).toEqual([['/api/sessions/ses_talk/fork', { at: 4 }]])
    await leave(shown)
  })

  it('says how full it is, and makes room', async () => {
    const shown = await open(talkScene())
    const context = shown.page.getByRole('region', { name: 'Context' })
    expect(await context.innerText()).toContain('59 %')
    await context.getByText('of what').click()
    expect(await context.locator('dt').first().innerText()).toBe('results of tools')
    await button(shown, 'Make room').click()
    await shown.page.waitForFunction(() => document.querySelector('.notice'))
    expect(bodies(shown)).toEqual([['/api/sessions/ses_talk/compact', {}]])
    await leave(shown)
  })

  it('brings a changed file back by its real path', async () => {
    const scene = talkScene()
    scene.answers = { restore: { restored: [{ path: 'x' }], refused: [] } }
    const shown = await open(scene)
    await shown.page.locator('[data-file="src/upload.ts"] summary').click()
    await button(shown, 'Bring this file back').click()
    await shown.page.getByText('1 file brought back.').waitFor()
    const paths = ['/home/ada/projects/uploader/src/upload.ts']
    expect(bodies(shown)).toEqual([['/api/sessions/ses_talk/restore', { paths }]])
    await leave(shown)
  })

  it('is renamed, put away, undone and deleted, the last two after it said what goes', async () => {
    const scene = talkScene()
    scene.answers = { undo: { promptId: 'p', files: null } }
    const shown = await open(scene)
    await button(shown, 'Rename').click()
    await shown.page.getByLabel('Title').fill('Better uploads')
    await button(shown, 'Save').click()
    await button(shown, 'Archive').click()
    await button(shown, 'Undo').click()
    await button(shown, 'Leave the files').click()
    await button(shown, 'Delete…').click()
    await shown.page.getByText('Files in the folder stay as they are.').waitFor()
    await button(shown, 'Delete it').click()
    await shown.page.waitForURL('**/sessions')
    expect(bodies(shown)).toEqual([
      ['/api/sessions/ses_talk/rename', { title: 'Better uploads' }],
      ['/api/sessions/ses_talk/archive', { archived: true }],
      ['/api/sessions/ses_talk/undo', { files: false }],
      ['/api/sessions/ses_talk', {}],
    ])
    await leave(shown)
  })

  it('opens at its end, and older pages leave what is read where it is', async () => {
    const shown = await open(longScene(75))
    await message(shown, 75).waitFor()
    expect(await message(shown, 45).count()).toBe(0)
    expect(await shown.page.evaluate(() => scrollY)).toBeGreaterThan(0)
    await shown.page.waitForFunction(() => document.documentElement.scrollHeight - innerHeight - scrollY < 4)
    await shown.page.mouse.move(600, 400)
    await shown.page.mouse.wheel(0, -2_600)
    await message(shown, 45).waitFor({ state: 'attached' })
    expect(await shown.page.evaluate(() => scrollY)).toBeGreaterThan(1_000)
    await leave(shown)
  })

  it('is opened at a message that was found in it, however long ago that was', async () => {
    const shown = await stage.show(longScene(100), '/sessions?q=uploads')
    await shown.page.locator('[data-hit="5"]').click()
    await message(shown, 5).waitFor()
    await shown.page.waitForFunction(() => document.querySelector('.sought'))
    await shown.page.waitForFunction(() => {
      const box = document.querySelector('.sought')?.getBoundingClientRect()
      return box && box.top >= 0 && box.bottom <= innerHeight
    })
    expect(shown.faults).toEqual([])
    await leave(shown)
  })

  it('begins with a folder and a prompt', async () => {
    const shown = await stage.show(talkScene(), '/sessions')
    await button(shown, 'New session').click()
    await shown.page.getByLabel('Prompt').fill('Say hello.\nIn German.')
    await shown.page.getByLabel('Profile').selectOption('plan')
    await button(shown, 'Begin').click()
    await shown.page.waitForURL('**/sessions/ses_new')
    expect(bodies(shown)).toEqual([
      ['/api/sessions', { workspace: '/home/ada/projects/uploader', title: 'Say hello.', agent: 'plan', model: null }],
      ['/api/sessions/ses_new/prompt', { text: 'Say hello.\nIn German.' }],
    ])
    await leave(shown)
  })

  it('that was put away is found among those', async () => {
    const shown = await stage.show(talkScene(), '/sessions')
    await shown.page.locator('[data-session="ses_talk"]').waitFor()
    await shown.page.getByRole('link', { name: 'Archived' }).click()
    await shown.page.locator('[data-session="ses_put"]').waitFor()
    expect(await shown.page.locator('[data-session="ses_talk"]').count()).toBe(0)
    await leave(shown)
  })

  it('with an agent that was turned against its person runs, loads and hides nothing', async () => {
    const shown = await open(attackScene())
    const { page } = shown
    await page.locator('details:not([open]) > summary').evaluateAll((folds) => {
      for (const fold of folds) (fold as HTMLElement).click()
    })
    await page.locator('[data-tool] pre').first().waitFor()
    expect(await page.evaluate(() => 'hacked' in window)).toBe(false)
    expect(await page.locator('main').locator('script, iframe, img, object, embed, svg[onload], style').count()).toBe(0)
    expect(await page.locator('main form input[name="token"]').count()).toBe(0)
    const hrefs = await page.locator('main a').evaluateAll((links) => links.map((a) => (a as HTMLAnchorElement).href))
    expect(hrefs.filter((href) => !/^https?:/.test(href))).toEqual([])
    expect(hrefs.filter((href) => href.includes('@'))).toEqual([])
    const out = page.locator('main a[href^="https://evil.example"]')
    expect(await out.count()).toBeGreaterThan(0)
    for (const link of await out.all()) {
      expect(await link.getAttribute('rel')).toBe('noopener noreferrer nofollow')
      expect(await link.getAttribute('target')).toBe('_blank')
    }
    expect(await message(shown, 2).innerText()).toContain('(evil.example)')
    const handlers = await page.evaluate(
      () =>
        [...document.querySelectorAll('*')].filter((el) => [...el.attributes].some(({ name }) => /^on/.test(name)))
          .length,
    )
    expect(handlers).toBe(0)
    expect(shown.faults).toEqual([])
    await leave(shown)
  })
})
