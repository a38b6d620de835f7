/** A conversation with our own agent on the page of the real daemon: said, seen, stopped, forked, taken back. */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TranscriptPage } from '../../src/core/session.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import type { ContextUse } from '../../src/server/api.ts'
import { type Alive, fitEverywhere, openAlive } from './alive.ts'
import { browserPath, Stage } from './page.ts'

const call = (name: string, args: Record<string, unknown>) => ({ tool_calls: [{ name, arguments: args }] })
const edit = call('edit', { file_path: 'notes.txt', old_string: 'one', new_string: 'two' })

const script: ScriptInput = {
  models: ['scripted-model', 'other-model'],
  conversations: [
    {
      match: 'Greet the reader',
      replies: [
        { text: ['I write the **first half** ', 'and the second half now.'], chunk_ms: 1 },
        { match: '^Change the notes', ...call('read', { file_path: 'notes.txt' }), text: 'I look first.' },
        edit,
        { text: ['The notes say two.'], delay_ms: 1 },
        { match: 'heron', text: 'I heard of the heron.' },
      ],
      at_end: 'repeat',
    },
    { match: 'never ends', replies: [{ text: ['It begins ', 'never said'], chunk_ms: 1 }, { text: 'And goes on.' }] },
  ],
  replies: [{ text: 'I hear you.' }],
  at_end: 'repeat',
}

const before = '\ufeffone\r\nmore\r\n'

const figure = (count: number) => count.toLocaleString('en')
const field = (page: Page) => page.locator('form.composer textarea')
const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name, exact: true })
const message = (page: Page, n: number) => page.locator('[data-message]').nth(n)
const spoken = (page: Page) => page.locator('[data-saying]')
const saved = async (page: Page, link: string) => {
  const download = page.waitForEvent('download')
  await page.getByRole('link', { name: link }).click()
  return readFileSync(await (await download).path(), 'utf8')
}
/** What stands on the page, said and being said, without its heads. */
const words = async (page: Page) =>
  (await page.locator('[data-message] .text, [data-message] .markdown, [data-saying] .markdown').allInnerTexts()).map(
    (text) => text.trim(),
  )

describe.skipIf(!browserPath)('a talk with our own agent, in truth', () => {
  let stage: Stage
  let alive: Alive
  let folder: string
  let path: string
  const id = () => path.split('/').at(-1) ?? ''
  beforeAll(async () => {
    stage = await Stage.open()
    alive = await openAlive({ script })
    folder = alive.folder('uploader')
  })
  afterAll(async () => {
    await stage?.close()
    await alive?.close()
  })

  it('SU-6 begins with a folder and a prompt, streams, and is the same after a reload in the middle', async () => {
    alive.held.hold()
    const { page, faults } = await alive.visit(stage, '/sessions')
    await button(page, 'New session').click()
    await page.getByLabel('Folder that the agent works in').fill(folder)
    await page.getByLabel('Prompt').fill('Greet the reader.')
    await button(page, 'Begin').click()
    await page.waitForURL('**/sessions/s_*')
    path = new URL(page.url()).pathname
    await alive.held.reached()
    await spoken(page).locator('strong').filter({ hasText: 'first half' }).waitFor()
    const whole = await words(page)
    await page.reload()
    await spoken(page).locator('strong').filter({ hasText: 'first half' }).waitFor()
    expect(await words(page)).toEqual(whole)
    alive.held.letGo()
    await message(page, 1).getByText('and the second half now.').waitFor()
    await spoken(page).waitFor({ state: 'detached' })
    expect(await words(page)).toEqual(['Greet the reader.', 'I write the first half and the second half now.'])
    expect(faults).toEqual([])
    await page.close()
  })

  it('shows a call with its change, is steered while it works, and says how full it is', async () => {
    writeFileSync(join(folder, 'notes.txt'), before, { mode: 0o750 })
    alive.held.hold()
    const { page, faults } = await alive.visit(stage, path)
    await field(page).fill('Change the notes.')
    await field(page).press('Enter')
    await alive.held.reached()
    const call = page.locator('[data-tool][data-state="completed"]', { hasText: 'edit' })
    await call.locator('summary').click()
    expect((await call.locator('.added').innerText()).trimEnd()).toBe('+two')
    expect((await call.locator('.removed').innerText()).trimEnd()).toBe('-one')
    await field(page).fill('Mention the heron.')
    await button(page, 'Steer').click()
    await page.getByText('Mention the heron.').waitFor()
    alive.held.letGo()
    await page.getByText('I heard of the heron.').waitFor()
    await button(page, 'Let it go on').waitFor()
    // Only what is in view is drawn.
    await page.setViewportSize({ width: 1440, height: 2_000 })
    expect(await words(page)).toEqual([
      ...['Greet the reader.', 'I write the first half and the second half now.'],
      ...['Change the notes.', 'I look first.', 'Mention the heron.', 'The notes say two.', 'I heard of the heron.'],
    ])
    expect(alive.read('uploader/notes.txt')).toBe(before.replace('one', 'two'))
    const context = page.getByRole('region', { name: 'Context' })
    const { usedTokens, windowTokens } = await alive.get<ContextUse>(`/api/sessions/${id()}/context`)
    await context.getByText(`${figure(usedTokens)} of ${figure(windowTokens)} tokens`).waitFor()
    expect(faults).toEqual([])
    await page.close()
  })

  it('fits and breaks no rule with all that it did', async () => {
    await fitEverywhere(alive, stage, { name: 'talk', path, ready: 'text=I heard of the heron.' })
  })

  it('is found by what was said, downloaded, and goes on with another model', async () => {
    const { page, faults } = await alive.visit(stage, '/sessions')
    await page.locator('[data-search]').fill('heron')
    await page.locator('[data-hit]').last().click()
    await page.waitForURL(`**${path}*`)
    await page.locator('.sought').waitFor()
    const [markdown, json] = [await saved(page, 'Export .md'), await saved(page, 'Export .json')]
    expect(markdown).toContain('The notes say two.')
    expect(JSON.parse(json)).toEqual(await alive.get(`/api/sessions/${id()}/export`))
    await button(page, 'Model').click()
    await page.getByLabel(/^Model from the next turn on/).fill('other-model')
    await button(page, 'Save').click()
    await page.locator('dd', { hasText: 'other-model' }).waitFor()
    await field(page).fill('Is the heron still there?')
    await field(page).press('Enter')
    await expect.poll(() => alive.requests.at(-1)?.body?.model).toBe('other-model')
    await page.locator('.head', { hasText: 'other-model' }).waitFor()
    expect(faults).toEqual([])
    await page.close()
  })

  it('is forked from a message, and both go on by themselves', async () => {
    const { page, faults } = await alive.visit(stage, path)
    // Only what is in view is drawn: it is named by its words.
    const from = page.locator('[data-message]', { hasText: 'and the second half now.' })
    await from.hover()
    await from.getByRole('button', { name: 'Fork from here' }).click()
    await page.waitForURL((url) => url.pathname !== path)
    const fork = new URL(page.url()).pathname
    await page.getByRole('link', { name: 'forked from another' }).waitFor()
    await field(page).fill('No heron here?')
    await field(page).press('Enter')
    await page.getByText('I heard of the heron.').waitFor()
    const [first, second] = ['Greet the reader.', 'I write the first half and the second half now.']
    expect(await words(page)).toEqual([first, second, 'No heron here?', 'I heard of the heron.'])
    const { messages } = await alive.get<TranscriptPage>(`/api${path}/transcript`)
    expect(JSON.stringify(messages)).not.toContain('No heron here?')
    expect(fork).not.toBe(path)
    expect(faults).toEqual([])
    await page.close()
  })

  it('brings the bytes and the mode of a changed file back', async () => {
    const { page, faults } = await alive.visit(stage, path)
    const changes = page.getByRole('region', { name: 'Changes' })
    await changes.locator('[data-file="notes.txt"] summary').click()
    await changes.getByRole('button', { name: 'Bring this file back' }).click()
    await page.getByText('1 file brought back.').waitFor()
    await changes.waitFor({ state: 'detached' })
    expect(alive.read('uploader/notes.txt')).toBe(before)
    expect(statSync(join(folder, 'notes.txt')).mode & 0o777).toBe(0o750)
    expect(faults).toEqual([])
    await page.close()
  })

  it('is stopped in the middle of a word, and goes on when it is told to', async () => {
    alive.held.hold()
    const stopped = await alive.session(folder, 'Endless', 'It never ends.')
    await alive.held.reached()
    const { page, faults } = await alive.visit(stage, `/sessions/${stopped}`)
    await spoken(page).getByText('It begins').waitFor()
    await button(page, /^Stop/).click()
    await button(page, 'Stop it').click()
    await button(page, 'Let it go on').waitFor()
    await spoken(page).waitFor({ state: 'detached' })
    await alive.stands(stopped, 'interrupted')
    alive.held.letGo()
    await button(page, 'Let it go on').click()
    await page.locator('[data-message]').getByText('And goes on.').waitFor()
    await alive.stands(stopped, 'idle')
    expect(await words(page)).toEqual(['It never ends.', 'It begins', 'Go on where you stopped.', 'And goes on.'])
    expect(faults).toEqual([])
    await page.close()
  })
})
