/** Sessions of an OpenCode server on the page of the real daemon: seen, asked by, answered, stopped, spoken to. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FakeOpenCode } from '../fakes/opencode.ts'
import type { FakeTurn } from '../fakes/opencode-turn.ts'
import type { FakeSession } from '../fakes/opencode-world.ts'
import { type Alive, fitEverywhere, openAlive } from './alive.ts'
import { browserPath, Stage } from './page.ts'

const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name, exact: true })
const card = (page: Page, words: string) => page.locator('[data-ask]', { hasText: words })
const row = (page: Page, id: string) => page.locator(`[data-session="${id}"]`)

describe.skipIf(!browserPath)('sessions of OpenCode, in truth', () => {
  let stage: Stage
  let alive: Alive
  let fake: FakeOpenCode
  let shop: FakeSession
  let child: FakeSession
  let ledger: FakeSession
  let turn: FakeTurn

  /** A session with what a person said in it. */
  function begin(folder: string, title: string, prompt: string): FakeSession {
    const session = fake.world.create(folder, { title })
    fake.world.addUser(session, { parts: [{ type: 'text', text: prompt }] })
    return session
  }
  const posted = (path: string) => fake.calls.filter((call) => call.method === 'POST' && call.path.endsWith(path))
  const wants = (command: string) =>
    turn.asks(turn.tool('bash', { command }), { permission: 'bash', patterns: [command], metadata: { command } })

  beforeAll(async () => {
    stage = await Stage.open()
    fake = await new FakeOpenCode().open()
    alive = await openAlive({ script: [{ text: 'unused' }], env: { OPENLOOM_OPENCODE_URL: fake.url } })
    ledger = begin(alive.folder('ledger'), 'Read the old ledger', 'What is in it?')
    const old = fake.turn(ledger.id)
    old.text('Twelve years of bills.')
    old.finish()
    shop = begin(alive.folder('shop'), 'Move the price table', 'Move the price table into its own file.')
    turn = fake.turn(shop.id)
    turn.text('I look who uses it.')
    const sub = turn.subagent('Find all users of the table')
    child = sub.turn.session
    sub.turn.text('Three files use it.')
    sub.turn.finish()
    sub.tool.ends('Three files use it.', { sessionId: child.id })
    turn.nextStep()
    await alive.stands(shop.id, 'busy')
  })
  afterAll(async () => {
    await stage?.close()
    await alive?.close()
    await fake?.close()
  })

  it('stand by folder, are told word by word, and lead to their subagents and back', async () => {
    const { page, faults } = await alive.visit(stage, '/sessions')
    await row(page, shop.id).waitFor()
    const folders = page.getByRole('main').getByRole('region')
    expect(await folders.locator('h2').allInnerTexts()).toEqual([`${alive.home}/shop`, `${alive.home}/ledger`])
    expect(await row(page, shop.id).getAttribute('data-state')).toBe('busy')
    expect(await row(page, ledger.id).getAttribute('data-state')).toBe('idle')
    expect(await row(page, child.id).count()).toBe(0)
    await row(page, shop.id).click()
    await page.getByText('I look who uses it.').waitFor()
    await page.locator('[data-tool]', { hasText: 'task' }).locator('summary').click()
    await page.getByText('Its subagent').click()
    const inside = page.getByRole('region', { name: /^Subagent / })
    await inside.locator('.markdown', { hasText: 'Three files use it.' }).waitFor()
    await inside.getByRole('link', { name: 'Open its session' }).click()
    await page.waitForURL(`**/sessions/${child.id}`)
    await page.locator('.markdown', { hasText: 'Three files use it.' }).waitFor()
    await page.getByRole('link', { name: 'Move the price table' }).click()
    await page.waitForURL(`**/sessions/${shop.id}`)
    turn.text('Now I move it')
    await page.getByText('Now I move it').waitFor()
    turn.text(', line by line.')
    await page.getByText('Now I move it, line by line.').waitFor()
    expect(await page.getByText('Now I move it').count()).toBe(1)
    expect(faults).toEqual([])
    await page.close()
  })

  it('ask on the page, and the answer reaches their server', async () => {
    const { page, faults } = await alive.visit(stage, `/sessions/${shop.id}`, { width: 390 })
    const given = wants('npm test')
    await card(page, 'npm test').waitFor()
    expect(await card(page, 'npm test').locator('.wanted').innerText()).toBe('npm test')
    await button(page, 'Allow once').click()
    expect(await given).toMatchObject({ reply: 'once' })
    await card(page, 'npm test').waitFor({ state: 'detached' })
    const refused = wants('npm publish')
    await card(page, 'npm publish').waitFor()
    await button(page, 'Deny…').click()
    await page.locator('[data-ask] textarea').fill('Not before Monday.')
    await button(page, 'Deny it').click()
    expect(await refused).toMatchObject({ reply: 'reject', message: 'Not before Monday.' })
    await card(page, 'npm publish').waitFor({ state: 'detached' })
    expect(faults).toEqual([])
    await page.close()
  })

  it('fit and break no rule while they ask', async () => {
    const option = (label: string) => ({ label, description: `${label} as in the invoices` })
    const answers = turn.asksQuestions([
      {
        question: 'In which currency are the prices?',
        header: 'Currency',
        options: [option('Euro'), option('Dollar')],
      },
    ])
    await alive.asked(1)
    await fitEverywhere(alive, stage, { name: 'watched-list', path: '/sessions', ready: '[data-session] .asks' })
    await fitEverywhere(alive, stage, { name: 'watched', path: `/sessions/${shop.id}`, ready: '[data-ask]' })
    const { page, faults } = await alive.visit(stage, `/sessions/${shop.id}`)
    // Its card asks; the call beside it stays folded.
    await page.locator('[data-tool]:not([open])', { hasText: 'question' }).waitFor()
    await page.goto(`${alive.daemon.url}/needs`)
    await button(page, /^Euro/).click()
    await button(page, 'Send the answer').click()
    expect(await answers).toEqual([['Euro']])
    await page.getByText('Nothing needs you').waitFor()
    expect(faults).toEqual([])
    await page.close()
  })

  it('are stopped and spoken to', async () => {
    const { page, faults } = await alive.visit(stage, `/sessions/${shop.id}`)
    await button(page, 'Stop…').click()
    await button(page, 'Stop it').click()
    await button(page, 'Let it go on').waitFor()
    expect(posted(`/session/${shop.id}/abort`)).toHaveLength(1)
    await page.locator('form.composer textarea').fill('Try the other way.')
    await button(page, 'Send').click()
    await page.locator('[data-message]', { hasText: 'Try the other way.' }).waitFor()
    const [prompted] = posted(`/session/${shop.id}/prompt_async`)
    expect(prompted?.body).toMatchObject({ parts: [{ type: 'text', text: 'Try the other way.' }] })
    const next = fake.turn(shop.id)
    next.text('The other way it is.')
    next.finish()
    await page.getByText('The other way it is.').waitFor()
    await button(page, 'Let it go on').waitFor()
    expect(faults).toEqual([])
    await page.close()
  })
})
