/** A real daemon, a scripted model that a story holds back, and how a page of it is judged. It tells no story. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect, vi } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { type Clock, systemClock, type Timer } from '../../src/core/clock.ts'
import { type Daemon, startDaemon } from '../../src/daemon.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import { type RequestRecord, startScriptedModel } from '../../src/sample/scripted-model.ts'
import { atRest, violations } from './axe.ts'
import { type Stage, smallTargets, type View } from './page.ts'

const shots = process.env['OPENLOOM_SHOTS']
if (shots) mkdirSync(shots, { recursive: true })

/** The clock of the model: a pause of a script (`delay_ms`, `chunk_ms`) lasts until the story lets it go. */
export class Held implements Clock {
  readonly #held = new Set<() => void>()
  #open = true
  now = systemClock.now
  monotonic = systemClock.monotonic

  after(_delayMs: number, fn: () => void): Timer {
    if (this.#open) return systemClock.after(0, fn)
    this.#held.add(fn)
    return { cancel: () => void this.#held.delete(fn) }
  }

  /** From now on the model stands still at its pauses. */
  hold(): void {
    this.#open = false
  }

  /** One pause is over; the model stands still again at the next. */
  step(): void {
    for (const fn of [...this.#held]) fn()
  }

  letGo(): void {
    this.#open = true
    this.step()
  }

  /** Until the model stands still. */
  reached(): Promise<void> {
    return vi.waitFor(() => expect(this.#held.size).toBeGreaterThan(0), { timeout: 60_000, interval: 5 })
  }
}

export interface Alive {
  daemon: Daemon
  home: string
  held: Held
  requests: readonly RequestRecord[]
  /** A folder to work in, made. */
  folder(name: string): string
  read(path: string): string | null
  visit(stage: Stage, path: string, view?: View): ReturnType<Stage['enter']>
  get<T>(path: string): Promise<T>
  post<T>(path: string, body?: unknown, method?: string): Promise<T>
  /** A session of our own agent in a folder, prompted where there is a prompt. */
  session(folder: string, title: string, prompt?: string, agent?: string): Promise<string>
  /** Until so many asks are open. */
  asked(count: number): Promise<void>
  /** Until the session stands like this. */
  stands(id: string, state: string): Promise<void>
  /** A file for the inbox, and the task that it became, when that has this status. */
  task(text: string, status: string): Promise<string>
  stop(): Promise<void>
  /** The same data folder and port again. */
  start(): Promise<void>
  close(): Promise<void>
}

interface Wanted {
  script: ScriptInput
  settings?: string
  env?: Record<string, string>
}

const patience = { timeout: 60_000, interval: 10 }

async function start(home: string, env: Record<string, string | undefined>): Promise<Daemon> {
  const loaded = loadConfig({ cwd: home, env })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const started = await startDaemon(loaded.value, { env })
  if (!started.ok) throw new Error(JSON.stringify(started.problems))
  return started.value
}

export async function openAlive({ script, settings = '', env = {} }: Wanted): Promise<Alive> {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'loom-alive-')))
  const held = new Held()
  const model = await startScriptedModel({ script, clock: held })
  if (settings) writeFileSync(join(home, 'openloom.yaml'), settings)
  const whole: Record<string, string | undefined> = {
    ...{ HOME: home, PATH: process.env['PATH'], OPENLOOM_UI_PORT: '0', OPENLOOM_DATA_DIR: join(home, 'data') },
    ...{ OPENLOOM_SAMPLE: 'off', OPENLOOM_SANDBOX_MODE: 'off', OPENLOOM_LOG_LEVEL: 'silent' },
    ...{ OPENLOOM_OPENCODE_URL: 'http://127.0.0.1:9', OPENLOOM_DRAIN_SECONDS: '0.1' },
    ...{ OPENLOOM_MUST_FAIL_FIRST: 'no', OPENLOOM_BASE_URL: model.url, OPENLOOM_MODEL: 'scripted-model' },
    ...env,
  }
  let daemon = await start(home, whole)
  const ask = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const headers = { authorization: `Bearer ${daemon.token}`, 'content-type': 'application/json' }
    const init = body === undefined ? {} : { body: JSON.stringify(body) }
    const answer = await fetch(`${daemon.url}${path}`, { method, headers, ...init })
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`)
    return (await answer.json()) as T
  }
  const post: Alive['post'] = (path, body = {}, method = 'POST') => ask(method, path, body)
  let dropped = 0
  return {
    get daemon() {
      return daemon
    },
    ...{ home, held, requests: model.requests, post },
    folder(name) {
      mkdirSync(join(home, name), { recursive: true })
      return join(home, name)
    },
    read: (path) => (existsSync(join(home, path)) ? readFileSync(join(home, path), 'utf8') : null),
    visit: (stage, path, view) => stage.enter(daemon, path, view),
    get: (path) => ask('GET', path),
    async session(workspace, title, prompt, agent) {
      const { id } = await post<{ id: string }>('/api/sessions', { workspace, title, ...(agent ? { agent } : {}) })
      if (prompt) await post(`/api/sessions/${id}/prompt`, { text: prompt })
      return id
    },
    asked: (count) =>
      vi.waitFor(() => expect(daemon.store.asks.list({ status: 'open', limit: 9 })).toHaveLength(count), patience),
    stands: (id, state) => vi.waitFor(() => expect(daemon.store.watched.get(id)?.state).toBe(state), patience),
    async task(text, status) {
      dropped += 1
      writeFileSync(join(home, 'inbox', `task-${dropped}.md`), text)
      const title = /^# (.*)$/m.exec(text)?.[1] ?? ''
      const find = () => daemon.store.tasks.page({ limit: 50 }).items.find((task) => task.title === title)
      await vi.waitFor(() => expect(find()?.status).toBe(status), patience)
      return find()?.id ?? ''
    },
    stop: () => daemon.stop(true),
    async start() {
      daemon = await start(home, { ...whole, OPENLOOM_UI_PORT: new URL(daemon.url).port })
    },
    async close() {
      held.letGo()
      await daemon.stop(true)
      await model.close()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

/** The page as it stands, dark and light: nothing wider than the screen, nothing too small, no rule broken. */
export async function fits(page: Page, name: string): Promise<void> {
  const width = page.viewportSize()?.width ?? 0
  await page.evaluate(() => document.fonts.ready)
  for (const theme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
    await atRest(page)
    const what = `${name}, ${width} px, ${theme}`
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), what).toBeLessThanOrEqual(0)
    if (width < 720) expect(await smallTargets(page), what).toEqual([])
    if (shots) await page.screenshot({ path: `${shots}/real-${name}-${width}-${theme}.png`, fullPage: true })
    expect(await broken(page), what).toEqual([])
  }
}

/** A bar that floats hides a part of something wherever the page stands: only what is too small at two places is. */
async function broken(page: Page): Promise<string[]> {
  const found = await violations(page)
  if (!found.some((line) => line.includes('partially obscured'))) return found
  await page.evaluate(() => scrollBy(0, -70))
  await atRest(page)
  const again = new Set((await violations(page)).map(whereOf))
  return found.filter((line) => again.has(whereOf(line)))
}

const whereOf = (line: string): string => line.split(' Target has ')[0] ?? line

interface Screen {
  name: string
  path: string
  /** What is there when it stands. */
  ready: string
}

/** A view at its address, wide and narrow, each dark and light. */
export async function fitEverywhere(alive: Alive, stage: Stage, { name, path, ready }: Screen): Promise<void> {
  const { page, faults } = await alive.visit(stage, path, { width: 1440 })
  await page.locator(ready).first().waitFor()
  await fits(page, name)
  await page.setViewportSize({ width: 390, height: 844 })
  await page.reload()
  await page.locator(ready).first().waitFor()
  await fits(page, name)
  expect(faults).toEqual([])
  await page.close()
}
