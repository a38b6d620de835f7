/** Plans of our own agent on the page of the real daemon: sent back, carried out here or afresh, and rejected. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ScriptInput } from '../../src/sample/script.ts'
import { type Alive, fitEverywhere, openAlive } from './alive.ts'
import { browserPath, Stage } from './page.ts'

const plan = (text: string) => ({ tool_calls: [{ name: 'submit_plan', arguments: { plan: text } }] })
const write = (file: string) => ({ tool_calls: [{ name: 'write', arguments: { file_path: file, content: 'made\n' } }] })
const text = '# Make it\n\n1. Write `made.txt`.'
const fresh = '# Make it afresh\n\n1. Write `fresh.txt`.'

const script: ScriptInput = {
  conversations: [
    { match: 'A person has accepted', replies: [write('fresh.txt'), { text: 'Carried out afresh.' }] },
    {
      match: 'Plan it well',
      replies: [plan(text), plan(`${text}\n2. Say so.`), write('made.txt'), { text: 'Carried out.' }],
    },
    { match: 'Plan it afresh', replies: [plan(fresh)] },
    { match: 'Plan in vain', replies: [plan('# Remove everything\n\n1. Remove it.'), { text: 'never' }] },
  ],
}

const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name, exact: true })

describe.skipIf(!browserPath)('SA-3 a plan, in truth', () => {
  let stage: Stage
  let alive: Alive
  let folder: string
  beforeAll(async () => {
    stage = await Stage.open()
    alive = await openAlive({ script })
    folder = alive.folder('work')
  })
  afterAll(async () => {
    await stage?.close()
    await alive?.close()
  })

  it('goes back with a word, shows what its next version changes, and is carried out', async () => {
    const { page, faults } = await alive.visit(stage, '/sessions')
    await button(page, 'New session').click()
    await page.getByLabel('Folder that the agent works in').fill(folder)
    await page.getByLabel('Profile').selectOption('plan')
    await page.getByLabel('Prompt').fill('Plan it well.')
    await button(page, 'Begin').click()
    const first = page.locator('[data-plan="1"]')
    await first.locator('ol code').waitFor()
    await button(page, 'Say what to change…').click()
    await page.getByLabel('What is to be different').fill('Say so, too.')
    await button(page, 'Send it back').click()
    await page.locator('[data-plan="2"]').getByText('Say so.').waitFor()
    await page.getByText('What version 2 changes').click()
    await page.locator('[data-asks] .added', { hasText: '2. Say so.' }).waitFor()
    expect(JSON.stringify(alive.requests.at(-1)?.body)).toContain('Say so, too.')
    expect(alive.read('work/made.txt')).toBe(null)
    await button(page, 'Carry it out').click()
    await page.getByText('Carried out.', { exact: true }).waitFor()
    expect(alive.read('work/made.txt')).toBe('made\n')
    await expect
      .poll(() => page.locator('[data-version] summary').allInnerTexts(), { timeout: 12_000 })
      .toEqual([expect.stringMatching(/version 2\s+accepted/), expect.stringMatching(/version 1\s+sent back/)])
    expect(faults).toEqual([])
    await page.close()
  })

  it('is carried out by a fresh session, to which the old one leads', async () => {
    const id = await alive.session(folder, 'Afresh', 'Plan it afresh.', 'plan')
    await alive.asked(1)
    await fitEverywhere(alive, stage, { name: 'plan', path: `/sessions/${id}`, ready: '[data-plan] ol' })
    const { page, faults } = await alive.visit(stage, `/sessions/${id}`, { width: 390 })
    await button(page, 'In a fresh session').click()
    await page.getByRole('link', { name: 'Carried out in a session of its own' }).click()
    await page.waitForURL((url) => url.pathname !== `/sessions/${id}`)
    await page.getByText('Carried out afresh.').waitFor()
    expect(alive.read('work/fresh.txt')).toBe('made\n')
    expect(faults).toEqual([])
    await page.close()
  })

  it('is rejected with a word, and nothing of it is done', async () => {
    const id = await alive.session(folder, 'In vain', 'Plan in vain.', 'plan')
    await alive.asked(1)
    const asked = () => alive.requests.filter(({ body }) => body).length
    const before = asked()
    const { page, faults } = await alive.visit(stage, '/needs')
    await page.locator('[data-ask]', { hasText: 'Remove everything' }).waitFor()
    await button(page, 'Reject…').click()
    await page.getByLabel('Why not (may stay empty)').fill('Not today.')
    await button(page, 'Reject the plan').click()
    await page.getByText('Nothing needs you').waitFor()
    await alive.stands(id, 'idle')
    await page.goto(`${alive.daemon.url}/sessions/${id}`)
    await page.locator('[data-version="1"]', { hasText: 'rejected' }).locator('summary').click()
    await page.getByText('You said: Not today.').waitFor()
    expect(asked()).toBe(before)
    expect(faults).toEqual([])
    await page.close()
  })
})
