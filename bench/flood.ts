/** 500 events a second in front of an open page: what it loses, what it keeps in memory, what the daemon pays. */
import Database from 'better-sqlite3'
import type { BrowserContext, Page } from 'playwright-core'
import type { TaskPage } from '../src/server/api.ts'
import type { Row } from './measures.ts'
import { type BenchWorld, costOf } from './world.ts'

interface Flood {
  world: BenchWorld
  /** The daemon's own database: the events are written beside it, as fast as no agent works. */
  store: string
  seconds: number
}

const eventsPerSecond = 500
const burstsPerSecond = 50
const shownTasks = 20
const row = { original: null }

/** Each burst is written in one transaction; then the daemon is made to look, by an event of its own. */
export async function flood(context: BrowserContext, { world, store, seconds }: Flood): Promise<Row[]> {
  const page = await context.newPage()
  await page.goto(world.url)
  await page.waitForSelector('.connection.live')
  await page.waitForSelector('[data-row]')
  const made = await world.post('/api/sessions', { workspace: world.workspace('bell'), title: 'The bell' })
  const bell = (await made.json()) as { id: string }
  const { items } = (await (await world.get(`/api/tasks?status=done&limit=${shownTasks}`)).json()) as TaskPage
  const db = new Database(store)
  const event = db.prepare("insert into events (at, machine, type, task_id, data) values (?, 'local', ?, ?, ?)")
  const burst = db.transaction((round: number) => {
    const at = Date.now()
    for (const task of items.slice(0, eventsPerSecond / burstsPerSecond)) {
      const moved = { ...task, title: `Flood round ${round} of ${task.id}`, updatedAt: at + round }
      event.run(at, 'task.done', task.id, JSON.stringify({ task: moved }))
    }
  })
  const memory: number[] = []
  const cpuBefore = costOf(world.pid).cpuSeconds
  const startedAt = performance.now()
  const rounds = seconds * burstsPerSecond
  for (let round = 0; round < rounds; round++) {
    burst(round)
    await world.post(`/api/sessions/${bell.id}/rename`, { title: `Bell ${round}` })
    if (round === burstsPerSecond * 5) memory.push(await heapMb(page))
    const dueMs = ((round + 1) / burstsPerSecond) * 1_000 - (performance.now() - startedAt)
    if (dueMs > 0) await new Promise((resolve) => setTimeout(resolve, dueMs))
  }
  const tookSeconds = (performance.now() - startedAt) / 1_000
  const cpu = ((costOf(world.pid).cpuSeconds - cpuBefore) / tookSeconds) * 100
  db.close()
  const last = `Flood round ${rounds - 1} of `
  const wanted = items.slice(0, eventsPerSecond / burstsPerSecond).map(({ id }) => last + id)
  await page.waitForTimeout(1_000)
  const text = await page.evaluate(() => document.body.innerText)
  memory.push(await heapMb(page))
  await page.close()
  const rate = ((rounds * eventsPerSecond) / burstsPerSecond / tookSeconds).toFixed(0)
  const note = `${rate} events/s for ${tookSeconds.toFixed(0)} s; the daemon took ${cpu.toFixed(0)} % of a core`
  const lost = wanted.filter((title) => !text.includes(title)).length
  const growth = (memory[1] ?? Number.NaN) - (memory[0] ?? Number.NaN)
  return [
    { ...row, name: 'a flood: last updates that are not on the screen', value: lost, unit: '', bar: 0, note },
    { ...row, name: 'a flood: growth of the page after 5 s', value: growth, unit: 'MB', bar: 5 },
  ]
}

/** What is still held after everything that can go is gone. */
async function heapMb(page: Page): Promise<number> {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('HeapProfiler.collectGarbage')
  const { usedSize } = await cdp.send('Runtime.getHeapUsage')
  await cdp.detach()
  return usedSize / 1_048_576
}
