/** The page as a person has it: a real Chromium on a real daemon. First sight, an event's way, long lists, a flood. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Browser, BrowserContext, Page, Response } from 'playwright-core'
import type { ScriptInput } from '../src/sample/script.ts'
import { chromePath, longestFrame, openChrome, signedIn } from './chrome.ts'
import { flood } from './flood.ts'
import type { Row } from './measures.ts'
import { seed } from './seed.ts'
import { type BenchWorld, costOf, eventsOf, median, openWorld, until } from './world.ts'

const loads = 9
const windowMs = 2_500
const events = 25
const messages = 5_000
const diffLines = 20_000
const tabs = 5
const scrolls = 5
const row = { unit: 'ms', original: null }

/** No script, no list that is drawn as it goes: its frames are those of the machine. */
const plainLines = Array.from({ length: 2_000 }, (_, n) => `<p>Line ${n} of a plain page</p>`)
const plainPage = `<!doctype html>${plainLines.join('')}`
const bigFile = Array.from({ length: diffLines }, (_, n) => `const line${n} = ${n}`).join('\n')
const script: ScriptInput = {
  conversations: [
    {
      match: 'a big file',
      replies: [
        { tool_calls: [{ name: 'write', arguments: { file_path: 'big.ts', content: bigFile } }] },
        { text: 'It is there.' },
      ],
    },
    { match: 'quick', replies: [{ text: 'done' }], at_end: 'repeat' },
  ],
}

export async function dashboard(floodSeconds: number): Promise<Row[]> {
  if (!chromePath) return [{ ...row, name: 'no Chromium was found (OPENLOOM_CHROMIUM)', value: 0, bar: Number.NaN }]
  const folder = mkdtempSync(join(tmpdir(), 'loom-bench-'))
  const store = join(folder, 'data', 'openloom.db')
  await (await openWorld({ script, folder })).close()
  seed(store, { tasks: 10_000, events: 20_000 })
  const world = await openWorld({ script, folder })
  const browser = await openChrome()
  try {
    const rows = await firstSight(browser, world)
    const context = await signedIn(browser, world)
    rows.push(await wayOfAnEvent(context, world), ...(await scrolling(context, world)))
    rows.push(...(await flood(context, { world, store, seconds: floodSeconds })))
    await context.close()
    rows.push(await manyTabs(browser, world))
    return rows
  } finally {
    await browser.close()
    await world.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Runs in the page before anything of it: the list is drawn and the stream is open. */
function markReady(): void {
  const observer = new MutationObserver(() => {
    if (!document.querySelector('[data-row]') || !document.querySelector('.connection.live')) return
    observer.disconnect()
    performance.mark('ready')
  })
  observer.observe(document, { subtree: true, childList: true, attributes: true })
}

/** Each load with an empty cache. Interactive: the list is drawn and answers to keys, and the stream is open. */
async function firstSight(browser: Browser, world: BenchWorld): Promise<Row[]> {
  const paints: number[] = []
  const ready: number[] = []
  for (let load = 0; load < loads; load++) {
    const context = await signedIn(browser, world)
    const page = await context.newPage()
    // A new window is a page of the browser's own, and costs as much as ours: it is there before anybody types.
    await page.waitForTimeout(windowMs)
    await page.addInitScript(markReady)
    await page.goto(world.url)
    await page.waitForFunction(() => performance.getEntriesByName('ready').length > 0)
    ready.push(await page.evaluate(() => performance.getEntriesByName('ready')[0]?.startTime ?? Number.NaN))
    paints.push(
      await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN),
    )
    await context.close()
  }
  const note = `median of ${loads}, empty cache`
  const weight = {
    name: 'JavaScript of the first view, gzip',
    value: await weigh(browser, world),
    unit: 'kB',
    bar: 120,
  }
  return [
    { ...row, name: 'first contentful paint, 10,000 tasks in the store', value: median(paints), bar: 300, note },
    { ...row, name: 'interactive: rows are there and the stream is open', value: median(ready), bar: 600, note },
    { ...row, ...weight },
  ]
}

/** In a load of its own: to read and pack what comes, beside the page, is work that the page would wait for. */
async function weigh(browser: Browser, world: BenchWorld): Promise<number> {
  const context = await signedIn(browser, world)
  const page = await context.newPage()
  const scripts: Promise<Buffer>[] = []
  const heard = (response: Response) => {
    if (response.url().endsWith('.js')) scripts.push(response.body())
  }
  page.on('response', heard)
  await page.addInitScript(markReady)
  await page.goto(world.url)
  await page.waitForFunction(() => performance.getEntriesByName('ready').length > 0)
  // What the page fetches ahead from here on is no part of the first view, and may be cut off with the page.
  page.off('response', heard)
  const sizes = (await Promise.all(scripts)).map((body) => gzipSync(body).byteLength)
  await context.close()
  return sizes.reduce((sum, size) => sum + size, 0) / 1_000
}

/** From the instant that its commit carries until it is in the page and a frame was made of it. */
async function wayOfAnEvent(context: BrowserContext, world: BenchWorld): Promise<Row> {
  const page = await context.newPage()
  await page.goto(world.url)
  await page.waitForSelector('.connection.live')
  await page.waitForSelector('[data-row]')
  // What the page keeps for offline it keeps once.
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined))
  const times: number[] = []
  for (let n = 0; n < events; n++) {
    const title = `quick event ${n} of the bench`
    const drawn = page.evaluate(
      (wanted) =>
        new Promise<number>((resolve) => {
          const look = () => {
            if (!document.body.textContent?.includes(wanted)) return
            observer.disconnect()
            requestAnimationFrame(() => resolve(Date.now()))
          }
          const observer = new MutationObserver(look)
          observer.observe(document.body, { subtree: true, childList: true, characterData: true })
        }),
      title,
    )
    const made = await world.post('/api/tasks', { goal: title, workspace: world.workspace('events'), checks: [] })
    const { id } = (await made.json()) as { id: string }
    const shownAt = await drawn
    const created = (await eventsOf(world, id)).find(({ type }) => type === 'task.created')
    times.push(shownAt - (created?.at ?? Number.NaN))
  }
  await page.close()
  const note = `longest ${Math.max(...times)} ms, n ${times.length}`
  return { ...row, name: 'an event: commit → on the screen, p50', value: median(times), bar: 50, note }
}

/** Each list is opened and scrolled several times, in turns, so that a slow moment of the machine falls on all. */
async function scrolling(context: BrowserContext, world: BenchWorld): Promise<Row[]> {
  const talk = await importTalk(world)
  const coded = await bigDiff(world)
  const page = await context.newPage()
  const lists: { name: string; bar?: number; longest: number[]; open(): Promise<{ x: number; y: number }> }[] = [
    {
      name: 'a plain page of 2,000 lines, for comparison',
      bar: Number.POSITIVE_INFINITY,
      longest: [],
      async open() {
        await page.goto('about:blank')
        await page.setContent(plainPage)
        return { x: 700, y: 500 }
      },
    },
    {
      name: '10,000 tasks',
      longest: [],
      async open() {
        await page.goto(`${world.url}/tasks`)
        await page.waitForSelector('[data-row]')
        return { x: 700, y: 500 }
      },
    },
    {
      name: 'a talk of 5,000 messages',
      longest: [],
      async open() {
        await page.goto(`${world.url}/sessions/${talk.id}?at=${talk.first}`)
        await page.waitForSelector('.sought')
        return { x: 600, y: 400 }
      },
    },
    { name: 'a diff of 20,000 lines', longest: [], open: () => openDiff(page, `${world.url}/sessions/${coded}`) },
  ]
  for (let round = 0; round < scrolls; round++) {
    for (const list of lists) {
      const at = await list.open()
      // What opening it costs is not what scrolling it costs.
      await page.waitForTimeout(1_000)
      list.longest.push(await longestFrame(page, at))
    }
  }
  await page.close()
  return lists.map(({ name, bar = 50, longest }) => {
    const note = `median of ${scrolls} times; each: ${longest.map((ms) => ms.toFixed(0)).join(', ')}`
    return { ...row, name: `longest frame while scrolling ${name}`, value: median(longest), bar, note }
  })
}

async function openDiff(page: Page, address: string): Promise<{ x: number; y: number }> {
  await page.goto(address)
  await page.locator('[data-file="big.ts"] summary').click()
  const box = page.locator('[data-file="big.ts"] pre')
  await box.waitFor()
  const { x, y } = (await box.boundingBox()) ?? { x: 0, y: 0 }
  return { x: x + 40, y: y + 80 }
}

async function importTalk(world: BenchWorld): Promise<{ id: string; first: string }> {
  const at = Date.now() - 3_600_000
  const text =
    'It looked at **src/upload.ts** and `retry.ts`:\n\n- the first\n- the second\n\n```ts\nconst a = 1\n```\n'
  const rows = Array.from({ length: messages / 2 }, (_, n) => [
    { at: at + n, entry: { type: 'prompt', promptId: `p${n}`, text: `Prompt number ${n}.` } },
    { at: at + n, entry: { type: 'assistant', runId: `r${n}`, text, reasoning: '', finish: 'stop', calls: [] } },
  ]).flat()
  const session = { title: 'A long talk', agent: null, model: null, createdAt: at }
  const file = { format: 'openloom-session', version: 1, session, rows }
  const made = await world.post('/api/sessions/import', { workspace: world.workspace('talk'), file })
  const { id } = (await made.json()) as { id: string }
  let first = ''
  for (let before: string | null = ''; before !== null; ) {
    const page = (await (
      await world.get(`/api/sessions/${id}/transcript?limit=200${before ? `&before=${before}` : ''}`)
    ).json()) as { messages: { id: string }[]; next: string | null }
    first = page.messages[0]?.id ?? first
    before = page.next
  }
  return { id, first }
}

async function bigDiff(world: BenchWorld): Promise<string> {
  const made = await world.post('/api/sessions', { workspace: world.workspace('diff'), title: 'A big diff' })
  const { id } = (await made.json()) as { id: string }
  await world.post(`/api/sessions/${id}/prompt`, { text: 'Write a big file.' })
  await until(async () => {
    const { items } = (await (await world.get(`/api/sessions/${id}/diff`)).json()) as { items: { additions: number }[] }
    return (items[0]?.additions ?? 0) >= diffLines ? true : null
  })
  return id
}

async function manyTabs(browser: Browser, world: BenchWorld): Promise<Row> {
  const context = await signedIn(browser, world)
  for (let tab = 0; tab < tabs; tab++) {
    const page = await context.newPage()
    await page.goto(world.url)
    await page.waitForSelector('.connection.live')
  }
  const seconds = 15
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  const before = costOf(world.pid).cpuSeconds
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000))
  const value = ((costOf(world.pid).cpuSeconds - before) / seconds) * 100
  await context.close()
  return { ...row, name: 'five open tabs: CPU of the daemon', value, unit: '% of a core', bar: 5 }
}
