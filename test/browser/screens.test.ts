/** Every scene on a desk and a phone, dark and light: it fits and breaks no rule; OPENLOOM_SHOTS keeps the pictures. */
import { mkdir } from 'node:fs/promises'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Scene } from '../fakes/api.ts'
import { atRest, violations } from './axe.ts'
import { crowdScene, hostileScene } from './crowds.ts'
import {
  flakyScene,
  hereScene,
  projectScene,
  proposedScene,
  tamperedScene,
  verdictsScene,
  weakenedScene,
} from './judged.ts'
import { browserPath, leave, Stage, smallTargets } from './page.ts'
import { planScene } from './plans.ts'
import { emptyScene, isolatedScene, sampleScene } from './scenes.ts'
import { attackScene, talkScene } from './talk.ts'
import { watchedScene } from './watched.ts'

const firstTask = (scene: Scene) => `/tasks/${scene.details[0]?.task.id}`

interface Screen {
  name: string
  scene: () => Scene
  path?: (scene: Scene) => string
  ready: string
}

const screens: Screen[] = [
  { name: 'empty', scene: emptyScene, ready: 'text=Nothing is being woven yet' },
  { name: 'sample-home', scene: () => sampleScene('running'), ready: '[data-row]' },
  { name: 'sample-task', scene: () => sampleScene('running'), path: firstTask, ready: '[data-attempt="2"]' },
  { name: 'verified-task', scene: () => sampleScene('verified'), path: firstTask, ready: '[data-attempt="2"]' },
  {
    name: 'isolated-task',
    scene: () => isolatedScene(['node_modules/', '.env']),
    path: firstTask,
    ready: '[data-end]',
  },
  { name: 'verdicts-home', scene: verdictsScene, ready: '[data-section="finished"]' },
  { name: 'only-here-task', scene: hereScene, path: firstTask, ready: '.clean' },
  { name: 'tampered-task', scene: tamperedScene, path: firstTask, ready: '[data-tampered]' },
  { name: 'weakened-task', scene: weakenedScene, path: firstTask, ready: 'table' },
  { name: 'flaky-task', scene: flakyScene, path: firstTask, ready: '[data-finding]' },
  { name: 'project-task', scene: projectScene, path: firstTask, ready: '[data-finding]' },
  { name: 'proposed-task', scene: proposedScene, path: firstTask, ready: '[data-finding]' },
  { name: 'crowd-home', scene: () => crowdScene(), ready: '[data-section="finished"]' },
  { name: 'crowd-all', scene: () => crowdScene(), path: () => '/tasks', ready: '[data-row]' },
  { name: 'hostile-home', scene: hostileScene, ready: '[data-row]' },
  { name: 'hostile-task', scene: hostileScene, path: firstTask, ready: '[data-attempt="1"]' },
  { name: 'asks-home', scene: watchedScene, ready: '[data-ask="que_shop"]' },
  { name: 'sessions', scene: watchedScene, path: () => '/sessions', ready: '[data-session]' },
  { name: 'session', scene: watchedScene, path: () => '/sessions/ses_busy', ready: '.story [data-ask]' },
  { name: 'talk', scene: talkScene, path: () => '/sessions/ses_talk', ready: '[data-message="5"]' },
  { name: 'plan', scene: planScene, path: () => '/sessions/ses_talk', ready: '[data-plan] table' },
  { name: 'attack', scene: attackScene, path: () => '/sessions/ses_talk', ready: '[data-message="2"]' },
  { name: 'found', scene: talkScene, path: () => '/sessions?q=upload', ready: '[data-hit]' },
  { name: 'hung', scene: watchedScene, path: () => '/sessions/ses_hung', ready: '.why' },
  { name: 'login', scene: emptyScene, path: () => '/login', ready: 'text=openloom status --login' },
]

const widths = [1440, 390]
const themes = ['dark', 'light'] as const
const shots = process.env['OPENLOOM_SHOTS']

describe.skipIf(!browserPath)('every screen', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await Stage.open()
    if (shots) await mkdir(shots, { recursive: true })
  })
  afterAll(() => stage?.close())

  describe.each(widths)('at %i px', (width) => {
    it.each(screens)('$name fits and breaks no rule', async ({ name, scene, path, ready }) => {
      const data = scene()
      const shown = await stage.show(data, path?.(data) ?? '/', { width })
      const { page, api } = shown
      await page.waitForSelector(ready)
      if (name.startsWith('sample')) {
        const taskId = data.details[0]?.task.id ?? ''
        await page.waitForSelector('.connection.live')
        await api.delta({
          taskId,
          sessionId: 's',
          kind: 'reasoning',
          text: 'The check is right: hello.md is missing. ',
        })
        await api.delta({ taskId, sessionId: 's', kind: 'text', text: 'You are right, I will write hello.md now.' })
        await page.waitForSelector('text=I will write hello.md now')
      }
      await page.evaluate(() => document.fonts.ready)
      expect(await page.evaluate(() => 'hacked' in window)).toBe(false)
      if (width < 720) expect(await smallTargets(page)).toEqual([])
      for (const theme of themes) {
        await page.emulateMedia({ colorScheme: theme })
        await atRest(page)
        expect(await sideways(page)).toBeLessThanOrEqual(0)
        expect(await violations(page)).toEqual([])
        if (shots) await page.screenshot({ path: `${shots}/${name}-${width}-${theme}.png`, fullPage: true })
      }
      if (width > 1024) {
        await page.setViewportSize({ width: 1024, height: 900 })
        await atRest(page)
        expect(await sideways(page)).toBeLessThanOrEqual(0)
        if (shots) await page.screenshot({ path: `${shots}/${name}-1024-light.png`, fullPage: true })
      }
      expect(shown.faults).toEqual([])
      await leave(shown)
    })
  })
})

const sideways = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
