/** Home, the pages of its tasks and what they used, over the real daemon: what runs, needs a person, and has ended. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ScriptInput } from '../../src/sample/script.ts'
import { type Alive, fitEverywhere, openAlive } from './alive.ts'
import { browserPath, Stage } from './page.ts'

const call = (name: string, args: Record<string, unknown>) => ({ tool_calls: [{ name, arguments: args }] })
const write = (file_path: string, content: string) => call('write', { file_path, content })
const used = (prompt_tokens: number, completion_tokens: number, cached_tokens: number) => ({
  usage: { prompt_tokens, completion_tokens, cached_tokens },
})

const script: ScriptInput = {
  conversations: [
    { match: 'Read the loop', replies: [{ text: ['I read the retry loop, ', 'and it is fine.'], chunk_ms: 1 }] },
    {
      match: 'Greet Ada',
      replies: [
        { ...write('hello.md', 'Hello Ada\n'), ...used(1_200, 30, 200) },
        { text: 'I greeted her.', ...used(1_300, 10, 1_000) },
      ],
    },
    { match: 'Write the report', replies: [{ text: 'The report is written, and all tests pass.' }] },
    {
      match: 'Add it up',
      replies: [
        call('read', { file_path: 'expected.txt' }),
        write('expected.txt', '4\n'),
        write('out.txt', '4\n'),
        { text: 'It adds up.' },
      ],
    },
    { match: 'Push it', replies: [call('bash', { command: 'git push' }), { text: 'Pushed.' }] },
  ],
}

const task = (title: string, workspace: string, check = '', keys = '') =>
  `---\nworkspace: ${workspace}\nmax_attempts: 1\n${keys}---\n\n# ${title}\n\n## goal\n${title}.\n` +
  (check ? `\n## checks\n- ${check}\n` : '')
const rowIn = (page: Page, section: string, title: string) =>
  page.locator(`[data-section="${section}"] [data-row]`, { hasText: title })

describe.skipIf(!browserPath)('Home, in truth', () => {
  let stage: Stage
  let alive: Alive
  const ids: Record<string, string> = {}
  beforeAll(async () => {
    stage = await Stage.open()
    const settings = 'permissions:\n  - { tool: bash, action: ask }\n'
    alive = await openAlive({ script, settings, env: { OPENLOOM_MUST_FAIL_FIRST: 'yes' } })
    writeFileSync(join(alive.folder('sum'), 'expected.txt'), '5\n')
    const give = async (title: string, status: string, name: string, more: [check?: string, keys?: string] = []) => {
      ids[name] = await alive.task(task(title, alive.folder(name), ...more), status)
    }
    await give('Greet Ada', 'done', 'greet', ['file: hello.md'])
    await give('Write the report', 'failed', 'report', ['file: report.md'])
    await give('Add it up', 'paused', 'sum', ['run: cmp out.txt expected.txt', 'protect: ["expected.*"]\n'])
    await give('Push it', 'waiting', 'push')
    alive.held.hold()
    await give('Read the loop', 'running', 'loop')
    await alive.held.reached()
  })
  afterAll(async () => {
    await stage?.close()
    await alive?.close()
  })

  it('says what needs a person and why, what runs with its word of this second, and what has ended', async () => {
    const { page, faults } = await alive.visit(stage, '/')
    await rowIn(page, 'running', 'Read the loop').getByText('I read the retry loop,').waitFor()
    await page.locator('[data-ask]', { hasText: 'git push' }).waitFor()
    expect(await rowIn(page, 'needs', 'Write the report').innerText()).toContain('0/1')
    expect(await rowIn(page, 'needs', 'Add it up').locator('.badge').innerText()).toBe('tampered')
    expect(await rowIn(page, 'finished', 'Greet Ada').locator('.badge').innerText()).toBe('verified')
    expect(await rowIn(page, 'finished', 'Greet Ada').locator('.proof').innerText()).toBe('1/1 proven')
    expect(await page.locator('[data-section="finished"] [data-row]').count()).toBe(1)
    expect(faults).toEqual([])
    await page.close()
  })

  it.each([
    { name: 'home', path: () => '/', ready: '[data-section="running"] .line' },
    { name: 'task-runs', path: () => `/tasks/${ids['loop']}`, ready: '.box .part' },
    { name: 'task-verified', path: () => `/tasks/${ids['greet']}`, ready: '[data-attempt]' },
    { name: 'task-tampered', path: () => `/tasks/${ids['sum']}`, ready: '[data-tampered]' },
  ])('$name fits and breaks no rule', async ({ name, path, ready }) => {
    await fitEverywhere(alive, stage, { name, path: path(), ready })
  })

  it('each task has its page, with the claim beside what the files say', async () => {
    const { page, faults } = await alive.visit(stage, '/')
    await rowIn(page, 'needs', 'Write the report').click()
    const attempt = page.locator('[data-attempt="1"]')
    await attempt.getByText('The report is written, and all tests pass.').waitFor()
    expect(await attempt.locator('.files').innerText()).toContain('report.md does not exist')
    await page.goBack()
    await rowIn(page, 'needs', 'Add it up').click()
    const tampered = page.locator('[data-tampered]')
    await tampered.waitFor()
    expect(await tampered.innerText()).toContain('expected.txt')
    await page.goBack()
    await rowIn(page, 'running', 'Read the loop').click()
    await page.locator('.box').getByText('I read the retry loop,').waitFor()
    alive.held.letGo()
    await page.locator('.state', { hasText: 'unverified' }).waitFor()
    expect(await page.locator('.box').count()).toBe(0)
    expect(faults).toEqual([])
    await page.close()
  })

  it('what a task used is what its model said', async () => {
    const { page, faults } = await alive.visit(stage, '/usage?period=today&by=task')
    const cells = page.locator('tr', { hasText: 'Greet Ada' }).locator('th, td')
    await cells.first().waitFor()
    expect((await cells.allInnerTexts()).map((cell) => cell.trim())).toEqual([
      ...['Greet Ada', '2,540', '1,300', '40', '0', '48 %', 'unknown'],
    ])
    expect(faults).toEqual([])
    await page.close()
  })
})
