/** ⌘K goes anywhere and does what loses nothing; ? lists the keys. By keys alone, on a desk and on a phone. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { violations } from './axe.ts'
import { crowdScene } from './crowds.ts'
import { browserPath, leave, type Shown, Stage, type View } from './page.ts'
import { talkScene } from './talk.ts'

const { OPENLOOM_SHOTS: shots } = process.env
const scene = () => ({ ...crowdScene(40), sessions: talkScene().sessions ?? [] })
const pathOf = ({ page }: Shown) => new URL(page.url()).pathname

describe.skipIf(!browserPath)('the palette', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await Stage.open()
  })
  afterAll(() => stage?.close())

  async function open(path = '/', view: View = {}): Promise<Shown> {
    const shown = await stage.show(scene(), path, view)
    await shown.page.waitForSelector('.connection.live')
    await shown.page.keyboard.press('Control+k')
    await shown.page.getByRole('combobox', { name: 'Go anywhere' }).waitFor()
    return shown
  }

  it('goes to a place by keys, and a click beside it closes it', async () => {
    const shown = await open()
    await shown.page.keyboard.type('sess')
    await shown.page.getByRole('option', { name: /^go to Sessions/ }).waitFor()
    expect(await violations(shown.page)).toEqual([])
    await shown.page.keyboard.press('Enter')
    await shown.page.waitForURL('**/sessions')
    expect(await shown.page.getByRole('dialog').count()).toBe(0)
    await shown.page.keyboard.press('Control+k')
    await shown.page.getByRole('dialog').waitFor()
    await shown.page.mouse.click(20, 700)
    await shown.page.getByRole('dialog').waitFor({ state: 'detached' })
    expect(shown.faults).toEqual([])
    await leave(shown)
  })

  it('goes to every place of the rail and to a new task, and reads its own page once, not at each letter', async () => {
    const { details } = scene()
    const path = `/tasks/${details[0]?.task.id}`
    const shown = await stage.show({ ...scene(), details }, path)
    await shown.page.waitForSelector('[data-attempt]')
    const reads: string[] = []
    shown.page.on('request', (request) => {
      if (new URL(request.url()).pathname === `/api${path}`) reads.push(request.url())
    })
    await shown.page.keyboard.press('Control+k')
    await shown.page.getByRole('option', { name: /^do Pause this task/ }).waitFor()
    const words = ['Home', 'Needs you', 'Tasks', 'Sessions', 'Usage', 'Notifications', 'Inbox', 'Log', 'Settings']
    const offered = (await shown.page.getByRole('option', { name: /^go to/ }).allInnerTexts()).join(' ')
    for (const word of [...words, 'New task']) expect(offered).toContain(word)
    await shown.page.keyboard.type('settings')
    await shown.page.getByRole('option', { name: /^go to Home/ }).waitFor({ state: 'detached' })
    await shown.page.keyboard.press('Enter')
    await shown.page.waitForURL('**/settings')
    expect(reads).toHaveLength(1)
    await leave(shown)
  })

  it('finds tasks and sessions by their words', async () => {
    const shown = await open()
    await shown.page.keyboard.type('upload')
    await shown.page.getByRole('option', { name: /^session Retry the upload/ }).waitFor()
    await shown.page.keyboard.press('ArrowDown')
    if (shots) await shown.page.screenshot({ path: `${shots}/palette-1440-dark.png` })
    await shown.page
      .getByRole('option', { name: /^task Retry the upload/ })
      .first()
      .click()
    await shown.page.waitForURL('**/tasks/*')
    await leave(shown)
  })

  it('does with a task what loses nothing, and leaves to its page what does', async () => {
    const { details } = scene()
    const shown = await stage.show({ ...scene(), details }, `/tasks/${details[0]?.task.id}`)
    await shown.page.waitForSelector('[data-attempt]')
    await shown.page.keyboard.press('Control+k')
    await shown.page.getByRole('option', { name: /^do Pause this task/ }).waitFor()
    expect(await shown.page.getByRole('option', { name: /Cancel this task/ }).count()).toBe(0)
    await shown.page.keyboard.type('pause')
    await shown.page.getByRole('option', { name: /^go to Home/ }).waitFor({ state: 'detached' })
    await shown.page.keyboard.press('Enter')
    await shown.page.getByRole('dialog').waitFor({ state: 'detached' })
    await expect
      .poll(() => shown.api.posts.map(({ path }) => path))
      .toEqual([`/api/tasks/${details[0]?.task.id}/pause`])
    await leave(shown)
  })

  it('lists the keys behind ?, but not while somebody writes', async () => {
    const shown = await stage.show(talkScene(), '/sessions/ses_talk', { theme: 'light' })
    await shown.page.waitForSelector('[data-message="5"]')
    await shown.page.locator('form.composer textarea').pressSequentially('why?')
    expect(await shown.page.getByRole('dialog').count()).toBe(0)
    await shown.page.locator('form.composer textarea').blur()
    await shown.page.keyboard.press('?')
    await shown.page.getByText('go anywhere, do anything').waitFor()
    expect(await violations(shown.page)).toEqual([])
    if (shots) await shown.page.screenshot({ path: `${shots}/keys-1440-light.png` })
    await shown.page.keyboard.press('Escape')
    await shown.page.getByRole('dialog').waitFor({ state: 'detached' })
    expect(pathOf(shown)).toBe('/sessions/ses_talk')
    await leave(shown)
  })

  it('fits a phone', async () => {
    const shown = await open('/', { width: 390 })
    await shown.page
      .getByRole('option', { name: /^session/ })
      .first()
      .waitFor()
    expect(await violations(shown.page)).toEqual([])
    if (shots) await shown.page.screenshot({ path: `${shots}/palette-390-dark.png` })
    await leave(shown)
  })
})
