/** What a person writes to a session beside words: commands, files and models, by keys alone and by thumb. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { violations } from './axe.ts'
import { browserPath, leave, type Shown, Stage, type View } from './page.ts'
import { talkScene } from './talk.ts'

const models = [
  { provider: 'local', model: 'qwen3-coder', isDefault: true, contextTokens: 65_536, price: null },
  { provider: 'cloud', model: 'big-one', isDefault: false, contextTokens: null, price: { input: 3, output: 15 } },
]
const files = ['docs/my plan.md', 'src/upload.ts', 'src/retry.ts', 'README.md']
const field = ({ page }: Shown) => page.locator('form.composer textarea')
const offers = async ({ page }: Shown) =>
  (await page.getByRole('option').allInnerTexts()).map((text) => text.split('\n')[0])
const posts = ({ api }: Shown) => api.posts.map(({ path, body }) => [path.split('/').at(-1), body])

describe.skipIf(!browserPath)('the composer', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await Stage.open()
  })
  afterAll(() => stage?.close())

  async function open(view: View = {}): Promise<Shown> {
    const shown = await stage.show({ ...talkScene(), files, models }, '/sessions/ses_talk', view)
    await shown.page.waitForSelector('[data-message="5"]')
    await field(shown).click()
    return shown
  }

  it('lists the commands behind a slash, and gives one by keys alone', async () => {
    const shown = await open()
    await field(shown).pressSequentially('/')
    await shown.page.getByRole('option').first().waitFor()
    expect(await offers(shown)).toEqual([
      ...[
        '/compact',
        '/export',
        '/fork',
        '/model',
        '/new',
        '/profile',
        '/remember',
        '/rename',
        '/sessions',
        '/archive',
        '/undo',
      ],
    ])
    expect(await violations(shown.page)).toEqual([])
    await field(shown).press('ArrowDown')
    await field(shown).press('ArrowUp')
    await field(shown).press('Enter')
    expect(await field(shown).inputValue()).toBe('/compact ')
    await field(shown).press('Enter')
    await expect.poll(() => shown.page.locator('form.composer textarea').inputValue()).toBe('')
    await expect.poll(() => posts(shown)).toEqual([['compact', {}]])
    expect(shown.faults).toEqual([])
    await leave(shown)
  })

  it('has nothing that could go on where nothing was said yet', async () => {
    const shown = await stage.show({ ...talkScene(), said: { ses_talk: [] } }, '/sessions/ses_talk')
    await shown.page.getByText('Nothing was said yet.').waitFor()
    const send = shown.page.locator('form.composer').getByRole('button')
    expect([await send.innerText(), await send.isDisabled()]).toEqual(['Send', true])
    await field(shown).press('Enter')
    await field(shown).fill('Hello')
    await send.click()
    await expect.poll(() => posts(shown)).toEqual([['prompt', { text: 'Hello' }]])
    await leave(shown)
  })

  it('keeps a command that there is not from the agent, and in the field', async () => {
    const shown = await open()
    await field(shown).fill('/comapct')
    await field(shown).press('Enter')
    await shown.page.getByText('There is no /comapct').waitFor()
    expect(await field(shown).inputValue()).toBe('/comapct')
    expect(posts(shown)).toEqual([])
    await field(shown).fill('/usr/bin/env is missing')
    await field(shown).press('Enter')
    await expect.poll(() => posts(shown)).toEqual([['prompt', { text: '/usr/bin/env is missing' }]])
    await leave(shown)
  })

  it('switches the model by a part of its name, and says what is known of it', async () => {
    const shown = await open()
    await field(shown).pressSequentially('/model big')
    await shown.page.getByText('context unknown · 3 in, 15 out per million').waitFor()
    await field(shown).press('Tab')
    expect(await field(shown).inputValue()).toBe('/model cloud/big-one ')
    await field(shown).press('Escape')
    await field(shown).press('Enter')
    await expect.poll(() => shown.page.locator('form.composer textarea').inputValue()).toBe('')
    await expect.poll(() => posts(shown)).toEqual([['model', { model: 'cloud/big-one' }]])
    await leave(shown)
  })

  it('keeps a command that was refused, and says why and what to do', async () => {
    const shown = await open()
    const why = { kind: 'unknown-model', text: 'No provider offers the model "nope/none".' }
    const problems = [{ ...why, todo: 'The nearest are: cloud/big-one.' }]
    shown.api.refusals.set('model', { type: 'about:blank', title: 'Not accepted', status: 422, detail: '', problems })
    await field(shown).pressSequentially('/model nope/none')
    await field(shown).press('Enter')
    const notice = shown.page.locator('.notice')
    await notice.waitFor()
    expect(await notice.innerText()).toContain(`${why.text} The nearest are: cloud/big-one.`)
    expect(await field(shown).inputValue()).toBe('/model nope/none')
    await leave(shown)
  })

  it('completes the name of a file where the cursor stands', async () => {
    const shown = await open()
    await field(shown).pressSequentially('Look at @up')
    await shown.page.getByRole('option', { name: '@src/upload.ts' }).click()
    expect(await field(shown).inputValue()).toBe('Look at @src/upload.ts ')
    await field(shown).pressSequentially('please')
    await field(shown).press('Enter')
    await expect.poll(() => shown.page.locator('form.composer textarea').inputValue()).toBe('')
    await expect.poll(() => posts(shown)).toEqual([['prompt', { text: 'Look at @src/upload.ts please' }]])
    await leave(shown)
  })

  it('puts a name with blanks into quotes, and finds it by more than its first word', async () => {
    const shown = await open()
    await field(shown).pressSequentially('Read @"my pl')
    await shown.page.getByRole('option', { name: '@"docs/my plan.md"' }).click()
    expect(await field(shown).inputValue()).toBe('Read @"docs/my plan.md" ')
    await leave(shown)
  })

  it('leaves a path, a date and an address alone', async () => {
    const shown = await open()
    await field(shown).pressSequentially('/usr/bin is not a command, and ada@example.org is no file')
    expect(await shown.page.getByRole('listbox').count()).toBe(0)
    await field(shown).press('Enter')
    await expect.poll(() => shown.page.locator('form.composer textarea').inputValue()).toBe('')
    await expect.poll(() => posts(shown).map(([what]) => what)).toEqual(['prompt'])
    await leave(shown)
  })

  it('fits under a thumb', async () => {
    const shown = await open({ width: 390, theme: 'light' })
    await field(shown).pressSequentially('/')
    const option = shown.page.getByRole('option').first()
    await option.waitFor()
    expect((await option.boundingBox())?.height).toBeGreaterThanOrEqual(44)
    expect(await violations(shown.page)).toEqual([])
    const { OPENLOOM_SHOTS: shots } = process.env
    if (shots) await shown.page.screenshot({ path: `${shots}/composer-390-light.png` })
    await leave(shown)
  })
})
