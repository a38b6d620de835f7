/** A run of 500 steps: whether a step stays as quick as the first ones were, and what the daemon's memory does. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Row } from './measures.ts'
import { type BenchWorld, costOf, eventsOf, median, openWorld, until } from './world.ts'

const steps = 500
const part = 100
const row = { unit: 'ms', original: null }

export async function longRun(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'loom-long-'))
  const settings = join(folder, 'settings.yaml')
  writeFileSync(settings, `runtimes: [{ kind: builtin, steps_max: ${steps + 10} }]\n`)
  const call = (i: number) => ({ name: 'read', arguments: { file_path: 'a.txt', offset: i + 1, limit: 2 } })
  const replies = Array.from({ length: steps }, (_, i) => ({ tool_calls: [call(i)] }))
  const script = [...replies, { text: 'done' }]
  const world = await openWorld({ script, env: { OPENLOOM_CONFIG: settings } })
  try {
    return await measure(world)
  } finally {
    await world.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measure(world: BenchWorld): Promise<Row[]> {
  const workspace = world.workspace('long')
  const lines = Array.from({ length: steps + 20 }, (_, i) => `line ${i} with some words in it\n`)
  writeFileSync(join(workspace, 'a.txt'), lines.join(''))
  const limits = { tool_calls: steps + 10 }
  const before = costOf(world.pid).cpuSeconds
  const answer = await world.post('/api/tasks', { goal: 'Read it all.', workspace, checks: ['file: a.txt'], limits })
  const { id } = (await answer.json()) as { id: string }
  let mostMb = 0
  const ended = async () => {
    mostMb = Math.max(mostMb, costOf(world.pid).rssMb)
    const { task } = (await (await world.get(`/api/tasks/${id}`)).json()) as { task: { status: string } }
    return task.status === 'done' ? true : null
  }
  await until(ended, { everyMs: 100, limitMs: 120_000 })
  const cpuMs = ((costOf(world.pid).cpuSeconds - before) * 1_000) / steps
  // The model's own view: from one request to the next is one step.
  const at = world.model.requests.slice(-(steps + 1)).map((request) => request.at)
  const between = at.slice(1).map((time, index) => time - (at[index] ?? 0))
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [first, last] = [mean(between.slice(part / 5, part)), mean(between.slice(-part))]
  const events = (await eventsOf(world, id)).length
  const note = `median ${median(between)} ms; ${events > 0 ? 'with' : 'without'} its history of ${steps} calls`
  return [
    { ...row, name: `a step among the first ${part} of ${steps}`, value: first, bar: 10 },
    { ...row, name: `a step among the last ${part}`, value: last, bar: first * 1.5, note },
    { ...row, name: 'CPU of the daemon for one step', value: cpuMs, bar: 10 },
    { name: 'memory (RSS) of the daemon at its highest', value: mostMb, unit: 'MB', bar: 150, original: null },
  ]
}
