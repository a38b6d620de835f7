/** The pictures of the guide: the first screen of each view shows what it is for. OPENLOOM_PICTURES keeps them. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Scene } from '../fakes/api.ts'
import { tell } from '../fakes/story.ts'
import { crowdScene } from './crowds.ts'
import { browserPath, Stage, type View } from './page.ts'
import { openFurnished, type Places } from './places.ts'
import { planScene } from './plans.ts'
import { isolatedScene, sampleScene } from './scenes.ts'
import { talkScene } from './talk.ts'
import { fill } from './used.ts'
import { ask, editFile, runTests, watchedScene, whichColour } from './watched.ts'

const folder = process.env['OPENLOOM_PICTURES']
const bytesMax = 150_000
const desk = { width: 1200, height: 760 }
const tall = { width: 1200, height: 940 }
const phone = { width: 390, height: 844 }

interface Picture {
  name: string
  size: typeof desk
  theme: 'dark' | 'light'
  path: string
  /** What the eye must meet without scrolling. */
  meets: string
}

/** An evening with nothing odd in it: some need a person, some run, some are done. */
function eveningScene(): Scene {
  const scene = crowdScene(18, 2)
  const later = ['Say in the README how often it tries', 'Sort the ledger by due date', 'Read the rates from a file']
  scene.details.forEach(({ task }, n) => {
    task.title = task.title.replace(/ \(\d+\)$/, n % 2 ? ` in ${task.workspace.split('/').at(-1)}` : '')
    if (n > 12) task.title = later[n % later.length] ?? task.title
  })
  return { ...scene, state: { ...scene.state, alarms: [] } }
}

function asksScene(): Scene {
  const now = Date.now()
  const where = { sessionId: 'ses_idle', rootId: 'ses_idle', workspace: '/home/ada/projects/ledger' }
  const asks = [
    ask('per_edit', editFile, { deadlineAt: now + 12 * 60_000 }),
    ask('per_tests', runTests, { title: 'Upgrade the driver' }),
    ask('que_shop', whichColour, { ...where, title: 'Read the old invoices' }),
  ]
  return { ...watchedScene(), asks }
}

const ofTask = (scene: Scene): [Scene, string] => [
  { ...scene, state: { ...scene.state, sample: false } },
  `/tasks/${scene.details[0]?.task.id}`,
]

const played: [Omit<Picture, 'path'>, () => [Scene, string]][] = [
  [{ name: 'home', size: tall, theme: 'dark', meets: '[data-section="finished"]' }, () => [eveningScene(), '/']],
  [{ name: 'home-phone', size: phone, theme: 'light', meets: '[data-section="needs"]' }, () => [eveningScene(), '/']],
  [{ name: 'needs', size: desk, theme: 'light', meets: '[data-ask="per_edit"]' }, () => [asksScene(), '/needs']],
  [{ name: 'needs-phone', size: phone, theme: 'dark', meets: '[data-ask="per_edit"]' }, () => [asksScene(), '/needs']],
  [{ name: 'tasks', size: desk, theme: 'light', meets: '[data-row]' }, () => [eveningScene(), '/tasks']],
  [
    { name: 'task', size: tall, theme: 'light', meets: '[data-attempt="1"] .files' },
    () => ofTask(isolatedScene(['node_modules/'])),
  ],
  [
    { name: 'task-refuted', size: tall, theme: 'dark', meets: '[data-attempt="1"] .files' },
    () => ofTask(sampleScene('running')),
  ],
  [
    { name: 'session', size: tall, theme: 'dark', meets: '[data-message="5"]' },
    () => [talkScene(), '/sessions/ses_talk'],
  ],
  [{ name: 'plan', size: tall, theme: 'light', meets: '[data-plan] table' }, () => [planScene(), '/sessions/ses_talk']],
]

const around: Picture[] = [
  { name: 'notifications', size: desk, theme: 'dark', path: '/notifications', meets: '[data-deliveries]' },
  { name: 'settings', size: desk, theme: 'light', path: '/settings', meets: '#rules' },
  { name: 'inbox', size: desk, theme: 'dark', path: '/inbox?file=2', meets: '[data-line="9"]' },
  { name: 'log', size: desk, theme: 'light', path: '/log', meets: '[data-event]' },
  { name: 'skill', size: desk, theme: 'light', path: '/skills/changelog', meets: 'text=Run it' },
  { name: 'memory', size: desk, theme: 'dark', path: '/memory', meets: 'article' },
]

const changelog = `---
name: Changelog
description: Adds an entry to the changelog.
parameters:
  - { name: version, type: string, required: true, description: As in the tag. }
  - { name: lines, type: int, default: 5 }
required_tools: [read, grep, edit, write]
---

# Goal

CHANGELOG.md has an entry for {{version}}, at most {{lines}} lines.

# Procedure

1. Read the commits since the last tag.
2. Write for users: what changes for them, not what changed in the code.

# Pitfalls

- A dependency that nobody sees is no news.

# Verification

- contains: CHANGELOG.md /{{version}}/
`

/** A skill, and what agents are told in the folder. */
async function tellAgents({ daemon, home, workspace }: Places): Promise<void> {
  const skills = join(home, '.config', 'openloom', 'skills')
  await mkdir(skills, { recursive: true })
  await writeFile(join(skills, 'changelog.md'), changelog)
  await writeFile(
    join(workspace, 'AGENTS.md'),
    '# Uploader\n\n- Tabs, no semicolons.\n- `npm test` before every commit.\n',
  )
  const headers = { authorization: `Bearer ${daemon.token}`, 'content-type': 'application/json' }
  for (const text of ['The tests need a running database: `npm run db`.', 'Releases are cut on Tuesdays.']) {
    const body = JSON.stringify({ workspace, text })
    const answer = await fetch(`${daemon.url}/api/memory/notes`, { method: 'POST', headers, body })
    expect(answer.ok).toBe(true)
  }
}

/** What differs from machine to machine says nothing to a reader. */
const homely = (page: Page, dir: string) =>
  page.evaluate((from) => {
    const [to, name] = ['/home/ada/openloom', from.split('/').at(-1) ?? from]
    for (const path of document.querySelectorAll('bdi')) path.textContent = path.textContent.replaceAll(from, to)
    const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (words.nextNode()) {
      const { currentNode } = words
      currentNode.nodeValue = currentNode.nodeValue?.replaceAll(from, to).replaceAll(name, 'openloom') ?? null
    }
    for (const field of document.querySelectorAll('textarea')) {
      field.value = field.value.replaceAll(from, to)
    }
  }, dir)

async function take(page: Page, { name, size, meets }: Omit<Picture, 'path' | 'theme'>, dir?: string): Promise<void> {
  await page.setViewportSize(size)
  const first = page.locator(meets).first()
  await first.waitFor()
  await page.evaluate(() => document.fonts.ready)
  const box = await first.boundingBox()
  expect(box?.y).toBeGreaterThanOrEqual(0)
  expect(box?.y).toBeLessThan(size.height - 64)
  if (dir) await homely(page, dir)
  const picture = await page.screenshot({ animations: 'disabled' })
  expect(picture.byteLength).toBeLessThan(bytesMax)
  if (folder) await writeFile(join(folder, `${name}.png`), picture)
}

const viewOf = ({ size, theme }: Omit<Picture, 'path'>): View => ({ width: size.width, theme })

describe.skipIf(!browserPath)('the picture', () => {
  let stage: Stage
  let places: Places
  beforeAll(async () => {
    stage = await Stage.open()
    places = await openFurnished()
    await tellAgents(places)
  })
  afterAll(async () => {
    await stage?.close()
    await places?.close()
  })

  it.each(played)('$name shows at once what it is for', async (picture, play) => {
    const [scene, path] = play()
    const { page, api, faults } = await stage.show(scene, path, viewOf(picture))
    await page.waitForSelector('.connection.live')
    const [running] = scene.details
    if (running?.task.status === 'running') {
      const ids = { taskId: running.task.id, sessionId: 's' }
      await api.delta({ ...ids, kind: 'reasoning', text: 'The check is right: hello.md is missing. ' })
      await api.delta({ ...ids, kind: 'text', text: 'You are right, I will write hello.md now.' })
      if (!picture.name.startsWith('tasks')) await page.waitForSelector('text=I will write hello.md now')
    }
    await take(page, picture)
    expect(faults).toEqual([])
    await page.close()
    await api.close()
  })

  it.each(around)('$name shows at once what it is for', async (picture) => {
    const { page, faults } = await places.visit(stage, picture.path, viewOf(picture))
    await page.waitForSelector('.connection.live')
    await take(page, picture, places.home)
    expect(faults).toEqual([])
    await page.close()
  })

  it('new-task shows at once what is read of it', async () => {
    const { page, faults } = await places.visit(stage, '/new', { width: 1200, theme: 'dark' })
    const text = [
      ...['# Retry the upload when the server says 503', `workspace: ${places.workspace}`, 'isolation: worktree', ''],
      ...['## goal', 'An upload that meets 503 is tried again after Retry-After, at most five times.', ''],
      ...['## checks', '- run: npm test', '- contains: README.md /five times/', '- fil: src/retry.ts', ''],
    ].join('\n')
    await page.getByLabel('The task as markdown').fill(text)
    await take(page, { name: 'new-task', size: desk, meets: 'text=1 problem' }, places.home)
    expect(faults).toEqual([])
    await page.close()
  })

  it('usage shows at once what was used and what it cost', async () => {
    const story = await tell()
    fill(story)
    const { page, faults } = await stage.enter(story.daemon, '/usage?period=30d&by=model', {
      ...{ width: 1200, theme: 'dark' },
    })
    await take(page, { name: 'usage', size: desk, meets: '.chart canvas' })
    expect(faults).toEqual([])
    await page.close()
  })
})
