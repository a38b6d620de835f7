/** Stories of one task's page and of the door, in a real browser. */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { problem } from '../fakes/api.ts'
import { violations } from './axe.ts'
import { attack, hostileScene } from './crowds.ts'
import { browserPath, leave, Stage } from './page.ts'
import { emptyScene, isolatedScene, Log, sampleScene } from './scenes.ts'

const pathOf = (scene: { details: { task: { id: string } }[] }) => `/tasks/${scene.details[0]?.task.id}`

describe.skipIf(!browserPath)('the task page', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await Stage.open()
  })
  afterAll(() => stage?.close())

  it("sets the agent's claim against what the files say, for each attempt", async () => {
    const scene = sampleScene('verified')
    const shown = await stage.show(scene, pathOf(scene))
    const first = shown.page.locator('[data-attempt="1"]')
    await first.waitFor()
    expect(await first.locator('.said').innerText()).toContain('Done! I created hello.md')
    expect(await first.locator('.files').innerText()).toMatch(/hello\.md does not exist\.\s+refuted/)
    const second = shown.page.locator('[data-attempt="2"]')
    expect(await second.locator('.files').innerText()).toMatch(/All 2 checks pass\.\s+verified/)
    await leave(shown)
  })

  it('hands out the signed receipt beside the verdict it is of', async () => {
    const scene = sampleScene('verified')
    const [told] = scene.details
    if (!told) throw new Error('the scene has no task')
    const receipt = { taskId: told.task.id, digest: 'ab'.repeat(32), prev: null, at: Date.now() }
    told.receipts = [{ ...receipt, seq: 7, attempt: 2 }]
    const shown = await stage.show(scene, pathOf(scene))
    const link = shown.page.locator('[data-attempt="2"] .files a')
    await link.waitFor()
    expect(await link.innerText()).toBe('Receipt 7')
    expect(await shown.page.locator('[data-attempt="1"] .files a').count()).toBe(0)
    const [download] = await Promise.all([shown.page.waitForEvent('download'), link.click()])
    expect(download.suggestedFilename()).toBe('receipt-7.json')
    expect(await readFile(await download.path(), 'utf8')).toContain('application/vnd.in-toto+json')
    expect(new URL(shown.page.url()).pathname).toBe(pathOf(scene))
    await leave(shown)
  })

  it('has permissions answered unasked only after it was said what that means, and then is red', async () => {
    const scene = sampleScene('running')
    const [told] = scene.details
    const shown = await stage.show(scene, pathOf(scene))
    const box = shown.page.getByRole('region', { name: 'Auto-accept' })
    await box.getByRole('button', { name: 'Auto-accept permissions…' }).click()
    await box.getByText('Everything this task asks for is allowed unasked').waitFor()
    expect(shown.api.posts).toEqual([])
    if (told) told.task.spec.auto_accept = true
    await box.getByRole('button', { name: 'Allow all unasked' }).click()
    await box.getByText('Auto-accept is on.').waitFor()
    expect(shown.api.posts.map(({ path, body }) => [path.split('/').at(-1), body])).toEqual([
      ['auto-accept', { on: true }],
    ])
    expect(await violations(shown.page)).toEqual([])
    await box.getByRole('button', { name: 'Ask me again' }).click()
    await expect.poll(() => shown.api.posts.at(-1)?.body).toEqual({ on: false })
    await leave(shown)
  })

  it('folds open the first failure and nothing else', async () => {
    const scene = sampleScene('verified')
    const shown = await stage.show(scene, pathOf(scene))
    await shown.page.waitForSelector('[data-attempt="1"]')
    const open = shown.page.locator('details[data-outcome][open]')
    expect(await open.count()).toBe(1)
    expect(await open.innerText()).toContain('hello.md does not exist.')
    expect(await open.locator('pre').innerText()).toContain('README.md')
    await leave(shown)
  })

  it('gives the account of time in words too', async () => {
    const scene = sampleScene('verified')
    const shown = await stage.show(scene, pathOf(scene))
    await shown.page.waitForSelector('[data-attempt="1"] svg[role="img"]')
    const label = await shown.page.locator('[data-attempt="1"] svg[role="img"]').getAttribute('aria-label')
    expect(label).toMatch(/^Time spent: queued 300 ms, model .* s, tool 350 ms, verifying \d+ ms, refuted$/)
    await leave(shown)
  })

  it('follows the work live to its verdict, claim and evidence', async () => {
    const scene = sampleScene('running')
    const [told] = scene.details
    if (!told) throw new Error('the scene has no task')
    const shown = await stage.show(scene, pathOf(scene))
    await shown.page.waitForSelector('.connection.live')
    await shown.api.delta({ taskId: told.task.id, sessionId: 's', kind: 'text', text: 'Writing the file now.' })
    await shown.page.getByText('Writing the file now.').waitFor()
    const log = new Log(Date.now(), scene.state.seq)
    const done = sampleScene('verified').details[0]
    if (!done?.attempts[1]) throw new Error('the scene has no second attempt')
    told.attempts[1] = done.attempts[1]
    const counts = { attempt: 2, verdict: 'verified', passed: 2, failed: 0, errors: 0 }
    await shown.api.emit(log.add(0, 'verdict.reached', told, counts))
    told.task.verdict = 'verified'
    await shown.api.emit(log.move(1, 'task.done', told, 'done'))
    await shown.page.locator('[data-attempt="2"]', { hasText: 'You are right, the file was missing.' }).waitFor()
    await shown.page.locator('header .badge', { hasText: 'verified' }).waitFor()
    await shown.page.locator('li[data-type="task.done"]', { hasText: 'Done: verified' }).waitFor()
    await leave(shown)
  })

  it('answers an action at once and takes it back in plain sight when refused', async () => {
    const scene = sampleScene('running')
    const shown = await stage.show(scene, pathOf(scene))
    await shown.page.waitForSelector('[data-action="pause"]')
    const why = { kind: 'wrong-state', text: 'A check is being written down.', todo: 'Try `pause` again.' }
    const told = { ...problem('Conflict', 409, `${why.text} ${why.todo}`), problems: [why] }
    shown.api.refusals.set('pause', told)
    await shown.page.click('[data-action="pause"]')
    await shown.page.locator('.notice').waitFor()
    const notice = (await shown.page.locator('.notice').innerText()).replace(/\s+/g, ' ')
    expect(notice).toBe('Pause was refused A check is being written down. Try pause again.')
    expect(await shown.page.locator('.notice code').innerText()).toBe('pause')
    expect(await shown.page.locator('header .badge').first().innerText()).toBe('running')
    const post = shown.api.posts[0]
    expect(post?.path).toBe(`/api${pathOf(scene)}/pause`)
    expect(post?.body).toEqual({})
    expect(post?.headers['x-openloom']).toBe('1')
    expect(post?.headers['content-type']).toBe('application/json')
    await leave(shown)
  })

  it('merges a worktree at once, and asks before it drops one, naming what no commit holds', async () => {
    const scene = isolatedScene(['.env'])
    const shown = await stage.show(scene, pathOf(scene))
    const card = shown.page.locator('[data-worktree="open"]')
    await card.getByText('7 files, +214 −38').waitFor()
    expect(await card.innerText()).toContain(`openloom/${scene.details[0]?.task.id}`)
    await card.locator('[data-end="merge"]').click()
    await shown.page.getByText('Done as asked.').waitFor()
    await card.locator('[data-end="drop"]').click()
    await card.getByText('1 path that no commit holds').waitFor()
    await card.getByRole('button', { name: 'Not now' }).click()
    expect(shown.api.posts.map(({ path, body }) => [path, body])).toEqual([
      [`/api${pathOf(scene)}/merge`, { ignored: false }],
    ])
    await card.locator('[data-end="drop"]').click()
    await card.getByRole('button', { name: 'Drop' }).click()
    await shown.page.waitForSelector('[data-end="drop"]:enabled')
    expect(shown.api.posts[1]?.body).toEqual({ ignored: true })
    await leave(shown)
  })

  it('says why a worktree was not merged', async () => {
    const scene = isolatedScene()
    const shown = await stage.show(scene, pathOf(scene))
    shown.api.refusals.set('merge', problem('Conflict', 409, 'Both sides changed 1 file(s): a.txt.'))
    await shown.page.click('[data-end="merge"]')
    await shown.page.getByText('Both sides changed 1 file(s): a.txt.').waitFor()
    await leave(shown)
  })

  it('asks before it cancels, and names what that touches', async () => {
    const scene = sampleScene('running')
    const shown = await stage.show(scene, pathOf(scene))
    await shown.page.click('[data-action="cancel"]')
    await shown.page.getByText('Files in the workspace stay as they are.').waitFor()
    expect(shown.api.posts).toEqual([])
    await shown.page.getByRole('button', { name: 'Keep it' }).click()
    await shown.page.click('[data-action="cancel"]')
    await shown.page.getByRole('button', { name: 'Cancel it' }).click()
    await shown.page.waitForSelector('[data-action="cancel"]')
    expect(shown.api.posts.map((post) => post.path)).toEqual([`/api${pathOf(scene)}/cancel`])
    await leave(shown)
  })

  it('shows hostile text as text and copies a command exactly as it is', async () => {
    const scene = hostileScene()
    const shown = await stage.show(scene, pathOf(scene))
    await shown.page.waitForSelector('[data-attempt="1"]')
    expect(await shown.page.locator('#app script, #app img[src="x"], #app a[href^="javascript"]').count()).toBe(0)
    expect(await shown.page.evaluate(() => 'hacked' in window)).toBe(false)
    expect(await shown.page.locator('h1').innerText()).toContain(attack)
    const subject = shown.page.getByRole('button', { name: /rm -rf/ })
    expect(await subject.innerText()).toContain('⟨U+202E⟩')
    await subject.click()
    expect(await shown.page.evaluate(() => navigator.clipboard.readText())).toBe('npm test \u202E&& rm -rf /\u202C')
    expect(shown.faults).toEqual([])
    await leave(shown)
  })

  it('says so when there is no such task', async () => {
    const shown = await stage.show(emptyScene(), '/tasks/t_nothing')
    await shown.page.getByText('No such task').waitFor()
    await leave(shown)
  })
})

describe.skipIf(!browserPath)('the door', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await Stage.open()
  })
  afterAll(() => stage?.close())

  it('shows how to get a login link when the daemon does not know this browser', async () => {
    const shown = await stage.show({ ...emptyScene() })
    shown.api.signedIn = false
    await shown.page.reload()
    await shown.page.getByText('openloom status --login').waitFor()
    await leave(shown)
  })

  it('redeems the code of a link, and leaves it neither in the address nor in the history', async () => {
    const scene = sampleScene('running')
    const shown = await stage.show(scene)
    shown.api.signedIn = false
    await shown.page.goto('about:blank')
    await shown.page.goto(`${shown.api.url}/login#right-code`)
    await shown.page.waitForSelector('[data-row]')
    expect(shown.page.url()).toBe(`${shown.api.url}/`)
    expect(shown.api.posts.map((post) => post.body)).toEqual([{ code: 'right-code' }])
    await shown.page.goBack()
    expect(shown.page.url()).not.toContain('right-code')
    await leave(shown)
  })

  it('says that a link did not work, and why', async () => {
    const shown = await stage.show(emptyScene(), '/login#old-code')
    await shown.page.getByText('That link did not work.').waitFor()
    await shown.page.getByText('It was used already, or it is too old.').waitFor()
    expect(shown.page.url()).toBe(`${shown.api.url}/login`)
    await leave(shown)
  })
})
