/** What our own agent asks of a person, on the page of the real daemon: answered there, and done on the disk. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ScriptInput } from '../../src/sample/script.ts'
import type { AskList, GrantList } from '../../src/server/api.ts'
import { type Alive, fitEverywhere, openAlive } from './alive.ts'
import { browserPath, Stage } from './page.ts'

const bash = (command: string) => ({ tool_calls: [{ name: 'bash', arguments: { command } }] })
const question = (text: string, ...choices: string[]) => ({
  tool_calls: [{ name: 'ask_user', arguments: { questions: [{ question: text, choices }] } }],
})
const [once, always, cruel] = ['echo once > once.txt', 'echo more >> always.txt', 'rm -rf build && rm -rf ../cache']

const ship = bash('echo shipped > shipped.txt')
const script: ScriptInput = {
  conversations: [
    { match: 'Tidy up', replies: [...[once, always, always, cruel].map(bash), { text: 'I left it as it is.' }] },
    { match: 'Ship it', replies: [ship, { text: 'It is not shipped.' }, ship, { text: 'It is shipped.' }] },
    {
      match: 'Paint it',
      replies: [
        question('Which colour has the door?', 'red', 'blue'),
        question('What is written on it?'),
        { text: 'It is painted.' },
      ],
    },
  ],
}
const settings = 'permissions:\n  - { tool: bash, action: ask }\n'
const text = (title: string, workspace: string, check: string, ask = 'continue') =>
  `# ${title}\nworkspace: ${workspace}\nask: ${ask}\nmax_attempts: 1\n\n## goal\n${title}.\n\n## checks\n- ${check}\n`

const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name, exact: true })
const card = (page: Page, words: string) => page.locator('[data-ask]', { hasText: words })

describe.skipIf(!browserPath)('what our own agent asks, in truth', () => {
  let stage: Stage
  let alive: Alive
  let session: string
  let shipping: string
  const lastHeard = () => alive.requests.at(-1)?.body?.messages.at(-1)?.content
  beforeAll(async () => {
    stage = await Stage.open()
    alive = await openAlive({ script, settings })
    session = await alive.session(alive.folder('tidy'), 'Tidy the shed', 'Tidy up.')
    shipping = await alive.task(text('Ship it', alive.folder('ship'), 'file: shipped.txt'), 'waiting')
    await alive.task(text('Paint it', alive.folder('paint'), 'run: "true"', 'wait'), 'waiting')
    await alive.asked(3)
  })
  afterAll(async () => {
    await stage?.close()
    await alive?.close()
  })

  it.each([
    { name: 'asks-home', path: () => '/', ready: '[data-ask] + [data-ask] + [data-ask]' },
    { name: 'asks-needs', path: () => '/needs', ready: '[data-ask] + [data-ask] + [data-ask]' },
    { name: 'asks-session', path: () => `/sessions/${session}`, ready: '[data-ask]' },
    { name: 'asks-task', path: () => `/tasks/${shipping}`, ready: '[data-ask]' },
  ])('$name fits and breaks no rule', async ({ name, path, ready }) => {
    await fitEverywhere(alive, stage, { name, path: path(), ready })
  })

  it('runs what was allowed once, and asks for the same no more when that was allowed always', async () => {
    const { page, faults } = await alive.visit(stage, `/sessions/${session}`)
    expect(await card(page, once).locator('.wanted').innerText()).toBe(once)
    expect(alive.read('tidy/once.txt')).toBe(null)
    await button(page, 'Allow once').click()
    await card(page, always).waitFor()
    expect(alive.read('tidy/once.txt')).toBe('once\n')
    await button(page, 'Always…').click()
    const covered = card(page, always).getByRole('alert')
    expect(await covered.innerText()).toContain('exactly this is allowed unasked')
    expect(await covered.locator('code').innerText()).toBe(`${alive.home}/tidy`)
    await button(page, 'Allow it always').click()
    // The one after it was not asked about.
    await card(page, cruel).waitFor()
    expect(alive.read('tidy/always.txt')).toBe('more\nmore\n')
    const { items } = await alive.get<GrantList>('/api/grants')
    expect(items).toMatchObject([{ permission: 'bash', pattern: always }])
    expect(faults).toEqual([])
    await page.close()
  })

  it('tells the agent why it was denied', async () => {
    const { page, faults } = await alive.visit(stage, `/sessions/${session}`, { width: 390 })
    expect(await card(page, cruel).locator('.wanted').innerText()).toBe(cruel)
    await button(page, 'Deny…').click()
    await card(page, cruel).locator('textarea').fill('The cache is needed.')
    await button(page, 'Deny it').click()
    await page.getByText('I left it as it is.').waitFor()
    expect(lastHeard()).toBe('Not permitted. The cache is needed.')
    await page.locator('[data-state="error"]', { hasText: 'rm -rf build' }).waitFor()
    expect(faults).toEqual([])
    await page.close()
  })

  it('goes on with a task whose permission is given on its page, under one thumb', async () => {
    const { page, faults } = await alive.visit(stage, `/tasks/${shipping}`, { width: 390 })
    await page.getByText('The agent goes on with the rest, and hears your answer.').waitFor()
    await button(page, 'Allow once').click()
    await page.locator('.state', { hasText: 'verified' }).waitFor()
    expect(alive.read('ship/shipped.txt')).toBe('shipped\n')
    expect(await page.locator('[data-ask]').count()).toBe(0)
    await page.getByText('Permitted', { exact: false }).first().waitFor()
    expect(await page.getByText('ask.raised').count()).toBe(0)
    expect(faults).toEqual([])
    await page.close()
  })

  it('is answered on Home by a choice, and by own words, and then Home needs nobody', async () => {
    const { page, faults } = await alive.visit(stage, '/')
    const door = card(page, 'Which colour has the door?')
    expect(await button(page, 'Send the answer').isDisabled()).toBe(true)
    await door.getByRole('button', { name: 'blue' }).click()
    await button(page, 'Send the answer').click()
    const sign = card(page, 'What is written on it?')
    await sign.waitFor()
    expect(lastHeard()).toBe('Q: Which colour has the door?\nA: blue')
    await page.setViewportSize({ width: 390, height: 844 })
    await sign.getByRole('textbox').fill('“Mind the heron”')
    await button(page, 'Send the answer').click()
    // Under the pointer the list would hold still.
    await page.mouse.move(0, 0)
    await page.locator('[data-section="finished"] [data-row]', { hasText: 'Paint it' }).waitFor()
    expect(lastHeard()).toBe('Q: What is written on it?\nA: “Mind the heron”')
    expect(await page.locator('[data-ask], [data-section="needs"]').count()).toBe(0)
    expect((await alive.get<AskList>('/api/asks')).items).toEqual([])
    expect(faults).toEqual([])
    await page.close()
  })
})
