/** A real daemon with something at every place around the work, for the stories of those views. It tells none. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { systemClock } from '../../src/core/clock.ts'
import { type Daemon, startDaemon } from '../../src/daemon.ts'
import { startScriptedModel } from '../../src/sample/scripted-model.ts'
import { Receiver } from '../fakes/receiver.ts'
import type { Stage, View } from './page.ts'
import { ask, runTests } from './watched.ts'

const script = {
  replies: [
    { tool_calls: [{ name: 'write', arguments: { file_path: 'hello.md', content: '# Hello\n' } }] },
    { text: 'I wrote hello.md.' },
  ],
  at_end: 'repeat' as const,
}

export interface Places {
  daemon: Daemon
  home: string
  inbox: string
  workspace: string
  /** Two receivers: one that takes everything, one that wants no more. */
  takes: Receiver
  refuses: Receiver
  /** A page that is logged in, at an address. */
  visit(stage: Stage, path: string, view?: View): ReturnType<Stage['visit']>
  drop(name: string, text: string): void
  close(): Promise<void>
}

interface Wanted {
  settings?: (sinks: string) => string
  env?: Record<string, string>
}

/** Without settings nothing is configured but the folder. */
export async function openPlaces({ settings, env = {} }: Wanted = {}): Promise<Places> {
  const home = mkdtempSync(join(tmpdir(), 'loom-places-'))
  const [workspace, inbox] = [join(home, 'uploader'), join(home, 'inbox')]
  mkdirSync(workspace)
  const [takes, refuses] = [await new Receiver().open(), await new Receiver().open()]
  refuses.otherwise = 410
  const model = settings ? await startScriptedModel({ script, clock: systemClock }) : null
  const sinks = [
    `{ kind: webhook, name: chat, url: "${takes.url('/hooks/a-secret-of-the-chat')}" }`,
    `{ kind: webhook, name: pager, url: "${refuses.url('/page')}" }`,
    '{ kind: file, name: notices, dir: notices }',
  ]
  if (settings) writeFileSync(join(home, 'openloom.yaml'), settings(`\n    - ${sinks.join('\n    - ')}`))
  const whole = {
    ...{ HOME: home, PATH: process.env['PATH'], OPENLOOM_UI_PORT: '0', OPENLOOM_DATA_DIR: join(home, 'data') },
    ...{ OPENLOOM_SAMPLE: 'off', OPENLOOM_SANDBOX_MODE: 'off', OPENLOOM_LOG_LEVEL: 'silent' },
    ...{ OPENLOOM_OPENCODE_URL: 'http://127.0.0.1:9', OPENLOOM_DRAIN_SECONDS: '0.1' },
    ...(model ? { OPENLOOM_BASE_URL: model.url, OPENLOOM_MODEL: 'scripted-model' } : {}),
    ...env,
  }
  const loaded = loadConfig({ cwd: home, env: whole })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const started = await startDaemon(loaded.value, { env: whole })
  if (!started.ok) throw new Error(JSON.stringify(started.problems))
  const daemon = started.value
  return {
    ...{ daemon, home, inbox, workspace, takes, refuses },
    drop: (name, text) => writeFileSync(join(inbox, name), text),
    visit: (stage, path, view) => stage.enter(daemon, path, view),
    async close() {
      await daemon.stop(true)
      await model?.close()
      await takes.close()
      await refuses.close()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

const task = (title: string, workspace: string) => `# ${title}
workspace: ${workspace}

## goal
Write hello.md that greets the reader.

## checks
- file: hello.md
`

export const faulty = (workspace: string) => `# Publish the price list
workspace: ${workspace}
limts: 3 attempts

## goal
Publish the price list to the shop.

## checks
- fiel: prices.json
- run
- file: prices.json
`

/** Tasks that ended, a file that was refused, a trusted folder, dead letters. */
async function furnish(places: Places): Promise<void> {
  const { daemon, workspace, drop } = places
  const { store } = daemon
  store.workspaces.say({ path: workspace, trust: 'trusted', access: 'scoped', settingsSha256: null })
  drop('retry-the-upload.md', task('Retry the upload when the server says 503', workspace))
  store.asks.grant(ask('per_1', runTests, { runtime: 'builtin', workspace, scope: workspace }), 'bash', [
    'npm test -- --run',
  ])
  const look = { timeout: 20_000, interval: 10 }
  await vi.waitFor(() => expect(store.tasks.counts()['done']).toBe(1), look)
  drop('publish-prices.md', faulty(workspace))
  const types = () => store.events.last(500).map(({ type }) => type)
  await vi.waitFor(() => expect(types()).toContain('inbox.rejected'), look)
  await vi.waitFor(() => expect(store.outbox.counts('webhook-pager').dead).toBeGreaterThan(3), look)
}

/** With settings of every kind, and furnished. */
export async function openFurnished(): Promise<Places> {
  const places = await openPlaces({ settings: furnished })
  await furnish(places)
  return places
}

const furnished = (sinks: string): string => `# What this daemon works with.
defaults:
  must_fail_first: false
  limits: { attempts: 2 }
concurrency:
  tasks: 2
permissions:
  - { tool: bash, command: "git push *", action: ask }
  - { tool: write, path: "secrets/**", action: deny }
notify:
  sinks:${sinks}
`
