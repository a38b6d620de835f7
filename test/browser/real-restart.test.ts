/** The daemon goes away and comes back while somebody looks: the same tab has everything that happened, once. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TranscriptPage } from '../../src/core/session.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import { FakeOpenCode } from '../fakes/opencode.ts'
import { type Alive, openAlive } from './alive.ts'
import { browserPath, Stage } from './page.ts'

const write = { tool_calls: [{ name: 'write', arguments: { file_path: 'sheep.txt', content: '12\n' } }] }
const script: ScriptInput = {
  conversations: [
    {
      match: 'Tell a story',
      replies: [{ text: ['Once upon a time ', 'never said'], chunk_ms: 1 }, { text: 'There was a heron.' }],
    },
    { match: 'Count the sheep', replies: [{ ...write, delay_ms: 1 }, { text: 'Twelve.' }] },
    { match: 'Shear them', replies: [{ text: 'They are shorn.' }] },
  ],
}
const task = (title: string, folder: string, checks = '') =>
  `# ${title}\nworkspace: ${folder}\n\n## goal\n${title}.\n${checks}`

const textsOf = ({ messages }: TranscriptPage): string[] =>
  messages.flatMap(({ parts }) => parts.flatMap((part) => (part.kind === 'text' ? [part.text] : [])))
const words = async (page: Page) =>
  (await page.locator('[data-message] .text, [data-message] .markdown, [data-saying] .markdown').allInnerTexts()).map(
    (text) => text.trim(),
  )

describe.skipIf(!browserPath)('a page whose daemon is started again', () => {
  let stage: Stage
  let alive: Alive
  let fake: FakeOpenCode
  beforeAll(async () => {
    stage = await Stage.open()
    fake = await new FakeOpenCode().open()
    alive = await openAlive({ script, env: { OPENLOOM_OPENCODE_URL: fake.url } })
  })
  afterAll(async () => {
    await stage?.close()
    await alive?.close()
    await fake?.close()
  })

  it('says so, and then has what happened meanwhile, nothing twice, without being loaded again', async () => {
    const folder = alive.folder('farm')
    const foreign = fake.world.create(alive.folder('shop'), { title: 'Move the price table' })
    const turn = fake.turn(foreign.id)
    turn.text('I look who uses it')
    await alive.stands(foreign.id, 'busy')
    alive.held.hold()
    const id = await alive.session(folder, 'A story', 'Tell a story.')
    const counting = await alive.task(task('Count the sheep', folder, '\n## checks\n- file: sheep.txt\n'), 'running')
    const paths = ['/', `/sessions/${id}`, `/sessions/${foreign.id}`]
    const shown = await Promise.all(paths.map((path) => alive.visit(stage, path)))
    const [home, talk, watched] = shown.map(({ page }) => page) as [Page, Page, Page]
    await talk.locator('[data-saying]').getByText('Once upon a time').waitFor()
    await watched.getByText('I look who uses it').waitFor()
    const rows = home.locator('[data-row]')
    await rows.filter({ hasText: 'Count the sheep' }).waitFor()
    for (const page of [home, talk, watched]) await page.evaluate(() => Object.assign(window, { same: true }))

    await alive.stop()
    for (const page of [home, talk, watched]) await page.waitForSelector('.connection.reconnecting')
    await home.getByText('what you see may be old').waitFor()
    turn.text(' and I move it.')
    turn.finish()
    alive.held.letGo()
    await alive.start()
    await alive.task(task('Shear them', alive.folder('barn')), 'done')
    for (const page of [home, talk, watched]) await page.waitForSelector('.connection.live')

    await home.locator('[data-section="finished"] [data-row]', { hasText: 'Count the sheep' }).waitFor()
    await home.locator('[data-section="finished"] [data-row]', { hasText: 'Shear them' }).waitFor()
    expect(await rows.count()).toBe(2)
    expect(alive.read('farm/sheep.txt')).toBe('12\n')
    await alive.stands(id, 'idle')
    await talk.locator('[data-message]').getByText('There was a heron.').waitFor()
    await talk.locator('[data-saying]').waitFor({ state: 'detached' })
    const told = textsOf(await alive.get<TranscriptPage>(`/api/sessions/${id}/transcript`)).map((text) => text.trim())
    expect(await words(talk)).toEqual(told)
    expect(told).toEqual(['Tell a story.', 'Once upon a time', 'There was a heron.'])
    await watched.getByText('I look who uses it and I move it.').waitFor()
    await watched.getByRole('button', { name: 'Let it go on' }).waitFor()
    await home.goto(`${alive.daemon.url}/tasks/${counting}`)
    await home.locator('.state', { hasText: 'verified' }).waitFor()
    for (const page of [talk, watched]) expect(await page.evaluate(() => 'same' in window)).toBe(true)
    for (const { page, faults } of shown) {
      expect(faults).toEqual([])
      await page.close()
    }
  })
})
