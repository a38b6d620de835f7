/** Skills and memory over the real daemon: how they look and read, and what a person does with them. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { violations } from './axe.ts'
import { browserPath, Stage, smallTargets } from './page.ts'
import { openPlaces, type Places } from './places.ts'

const views = [1440, 390].flatMap((width) => (['dark', 'light'] as const).map((theme) => ({ width, theme })))
const shots = process.env['OPENLOOM_SHOTS']

const greet = `---
name: Greet somebody
description: Writes hello.md that greets a person by name, in one of two tones.
version: 3
parameters:
  - { name: whom, type: string, required: true, description: Whose name is in the first line. }
  - { name: lines, type: int, default: 3 }
  - { name: formal, type: bool, default: false, description: With a title and no first name. }
required_tools: [read, write]
---

# Goal

Write \`hello.md\` that greets {{whom}} in {{lines}} lines.

# Procedure

1. Look whether \`hello.md\` is there already.
2. Write it:

   \`\`\`sh
   # a comment, and no heading
   cat hello.md
   \`\`\`

# Pitfalls

- Do not greet twice.

# Verification

- file: hello.md
- It sounds like a person.
`
const settings = (sinks: string) => `defaults:\n  must_fail_first: false\nnotify:\n  sinks:${sinks}\n`

/** A skill that was run, one that cannot be read, one of a project; and what agents are told in that project. */
async function furnish({ daemon, home, workspace }: Places): Promise<void> {
  const own = join(home, '.config', 'openloom', 'skills')
  const project = join(workspace, '.openloom', 'skills')
  for (const folder of [own, project]) mkdirSync(folder, { recursive: true })
  writeFileSync(join(own, 'greet.md'), greet)
  writeFileSync(join(own, 'weekly-report.md'), '---\nparameters: none\n---\n\nWrite the report.\n')
  writeFileSync(join(project, 'release.md'), '# Goal\nRelease the uploader.\n\n<img src=x onerror=alert(1)>\n')
  writeFileSync(join(workspace, 'AGENTS.md'), '# Uploader\n\n- Tabs, no semicolons.\n')
  writeFileSync(join(workspace, 'CLAUDE.md'), 'See AGENTS.md.\n')
  const call = (path: string, body: object, method = 'POST') => {
    const headers = { authorization: `Bearer ${daemon.token}`, 'content-type': 'application/json' }
    return fetch(`${daemon.url}${path}`, { method, headers, body: JSON.stringify(body) })
  }
  const bare = join(home, 'bare')
  mkdirSync(bare)
  await call('/api/workspaces', { path: bare, trust: 'trusted' }, 'PUT')
  for (const text of ['The tests need a running database: `npm run db`.', 'Releases are cut on Tuesdays.']) {
    await call('/api/memory/notes', { workspace, text })
  }
  await call('/api/skills/greet/run', { folder: workspace, parameters: { whom: 'Ada' } })
  const look = { timeout: 20_000, interval: 10 }
  await vi.waitFor(() => expect(daemon.store.tasks.counts()['done']).toBe(1), look)
}

const screens = [
  { name: 'skills', path: () => '/skills', ready: '[data-skill]' },
  { name: 'skill', path: () => '/skills/greet', ready: '[data-run]' },
  { name: 'memory', path: () => '/memory', ready: 'article' },
]

describe.skipIf(!browserPath)('what is written for agents', () => {
  let stage: Stage
  let places: Places
  beforeAll(async () => {
    stage = await Stage.open()
    places = await openPlaces({ settings })
    await furnish(places)
    if (shots) await mkdir(shots, { recursive: true })
  })
  afterAll(async () => {
    await stage?.close()
    await places?.close()
  })

  it.each(views)('fits and breaks no rule at $width px, $theme', async (view) => {
    const { page, faults } = await places.visit(stage, '/skills', view)
    for (const { name, path, ready } of screens) {
      await page.goto(places.daemon.url + path())
      await page.waitForSelector(ready)
      await page.evaluate(() => document.fonts.ready)
      if (shots) await page.screenshot({ path: `${shots}/${name}-${view.width}-${view.theme}.png`, fullPage: true })
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), name).toBeLessThanOrEqual(0)
      if (view.width < 720) expect(await smallTargets(page), name).toEqual([])
      expect(await violations(page), name).toEqual([])
    }
    expect(faults).toEqual([])
    await page.close()
  })

  it('a skill is begun, judged as it is written, saved, run, copied, deleted', async () => {
    const { page, faults } = await places.visit(stage, '/skills')
    await page.getByRole('button', { name: 'New skill' }).click()
    await page.getByRole('textbox').fill('hello')
    await page.getByRole('button', { name: 'Begin' }).click()
    await page.getByRole('heading', { name: 'Pitfalls' }).waitFor()
    await page.getByRole('button', { name: 'Edit' }).click()
    const field = page.getByRole('textbox', { name: 'The skill as markdown' })
    await field.fill('---\nrequired_tools: all\n---\n\n# Goal\n\nGreet.\n')
    await page.locator('.mirror .wrong[data-line="2"]').waitFor()
    if (shots) await page.screenshot({ path: `${shots}/skill-edit-1440-dark.png`, fullPage: true })
    await field.fill(greet)
    await page.getByText('It can be run').waitFor()
    await page.getByRole('button', { name: 'Save' }).click()
    const file = join(places.home, '.config', 'openloom', 'skills', 'hello.md')
    await page.getByLabel('whom').waitFor()
    expect(readFileSync(file, 'utf8')).toBe(greet)
    const run = page.getByRole('button', { name: 'Run', exact: true })
    expect(await run.isDisabled()).toBe(true)
    await page.getByLabel('whom').fill('Bob')
    await run.click()
    await page
      .getByRole('heading', { name: /whom=Bob/ })
      .first()
      .waitFor()
    await page.getByRole('link', { name: 'hello', exact: true }).click()
    await page.locator('[data-run]').waitFor()
    await page.getByRole('button', { name: 'Duplicate' }).click()
    await page.waitForURL(/hello-2$/)
    await page.getByRole('button', { name: 'Delete…' }).click()
    expect(await page.getByRole('alert').innerText()).toContain('hello-2.md')
    await page.getByRole('button', { name: 'Delete the file' }).click()
    await page.waitForURL(/\/skills$/)
    expect([existsSync(file), existsSync(file.replace('hello.md', 'hello-2.md'))]).toEqual([true, false])
    expect(faults).toEqual([])
    await page.close()
  })

  it('what was begun is found again, line by line, and never written over what came meanwhile', async () => {
    const { page, faults } = await places.visit(stage, '/skills/weekly-report')
    const field = page.getByRole('textbox', { name: 'The skill as markdown' })
    await page.getByRole('button', { name: 'Line 2' }).click()
    const chosen = () => field.evaluate((one: HTMLTextAreaElement) => getSelection()?.toString() ?? one.value)
    await expect.poll(chosen).toBe('parameters: none')
    const mine = '---\nparameters:\n  - { name: week, type: int, default: 3 }\n---\n\nWrite the report.\n'
    await field.fill(mine)
    await page.getByText('It can be run').waitFor()
    await page.getByRole('link', { name: 'Skills', exact: true }).last().click()
    await page.locator('[data-skill="greet"]').waitFor()
    const file = join(places.home, '.config', 'openloom', 'skills', 'weekly-report.md')
    const before = readFileSync(file, 'utf8')
    writeFileSync(file, 'Changed by hand.')
    await page.locator('[data-skill="weekly-report"]').click()
    await page.getByText('It can be run').waitFor()
    expect(await field.inputValue()).toBe(mine)
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('not as it was when you opened it').waitFor()
    expect(readFileSync(file, 'utf8')).toBe('Changed by hand.')
    writeFileSync(file, before)
    await page.getByRole('button', { name: 'Save' }).click()
    await expect.poll(() => page.getByLabel('week').inputValue()).toBe('3')
    await page.getByRole('button', { name: 'Edit' }).click()
    await field.fill(mine.replace('3', '5'))
    await page.getByRole('button', { name: 'Save' }).click()
    await expect.poll(() => page.getByLabel('week').inputValue()).toBe('5')
    writeFileSync(file, before)
    expect(faults).toEqual([])
    await page.close()
  })

  it('a skill of a project is text until the project is trusted, and cannot be run', async () => {
    const { page, faults } = await places.visit(stage, `/skills?workspace=${encodeURIComponent(places.workspace)}`)
    await page.locator('[data-skill="release"]').click()
    await page.getByText('Nobody has said that').waitFor()
    await page.getByText('<img src=x onerror=alert(1)>').waitFor()
    expect(await page.getByRole('button', { name: 'Run', exact: true }).isDisabled()).toBe(true)
    expect(faults).toEqual([])
    await page.close()
  })

  it('another folder has a memory of its own, and nothing is looked for there that is of the one before', async () => {
    const { page, faults } = await places.visit(stage, '/memory')
    await page.locator('article').waitFor()
    await page.getByLabel('Folder').selectOption(join(places.home, 'bare'))
    await page.getByText('There is no such file yet.').waitFor()
    expect(await page.getByText('It cannot be read').count()).toBe(0)
    expect(faults).toEqual([])
    await page.close()
  })

  it('a line is remembered, a secret is not, and a file is written only as it was seen', async () => {
    const { page, faults } = await places.visit(stage, '/memory')
    const field = page.getByRole('textbox')
    await field.fill('The port is 8080.')
    await page.getByRole('button', { name: 'Remember' }).click()
    await page.locator('article').getByText('The port is 8080.').waitFor()
    await field.fill('API_KEY=sk-abcdefghijklmnop')
    await page.getByRole('button', { name: 'Remember' }).click()
    await page.getByText('looks like it holds a secret').waitFor()
    await page.locator('[data-guide$="/uploader/AGENTS.md"] a').click()
    await page.getByRole('button', { name: 'Edit' }).click()
    await page.getByRole('textbox', { name: 'Text of the file' }).fill('Blanks.')
    writeFileSync(join(places.workspace, 'AGENTS.md'), 'Changed by hand.')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('not as it was when you opened it').waitFor()
    expect(readFileSync(join(places.workspace, 'AGENTS.md'), 'utf8')).toBe('Changed by hand.')
    expect(await page.getByRole('textbox', { name: 'Text of the file' }).inputValue()).toBe('Blanks.')
    await page.locator('[data-guide*="memory"] a').first().click()
    await page.locator('article').waitFor()
    await page.locator('[data-guide$="/uploader/AGENTS.md"] a').click()
    expect(await page.getByRole('textbox', { name: 'Text of the file' }).inputValue()).toBe('Blanks.')
    expect(faults).toEqual([])
    await page.close()
  })
})
