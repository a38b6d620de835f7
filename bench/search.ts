/** The search tool of our agent in 100,000 files beside ripgrep itself, in turn. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rgPath } from '@vscode/ripgrep'
import type { Row } from './measures.ts'
import { type BenchWorld, eventsOf, median, openWorld, until } from './world.ts'

const files = 100_000
const rounds = 9
const pattern = 'needle-[0-9]+'

export async function search(): Promise<Row[]> {
  const call = { tool_calls: [{ name: 'grep', arguments: { pattern } }] }
  const world = await openWorld({ script: { conversations: [{ match: 'Search', replies: [call, { text: 'done' }] }] } })
  try {
    const workspace = world.workspace('large')
    fill(workspace)
    const [ours, bare]: [number[], number[]] = [[], []]
    for (let round = 0; round < rounds; round++) {
      bare.push(ripgrep(workspace))
      ours.push(await searched(world, workspace, round))
    }
    const [value, other] = [median(ours), median(bare)]
    const row = { name: `grep over ${files} files`, value, unit: 'ms', original: null }
    return [{ ...row, bar: other * 1.2, note: `${(value / other).toFixed(2)}× ripgrep itself: ${other.toFixed(0)} ms` }]
  } finally {
    await world.close()
  }
}

function fill(workspace: string): void {
  for (let folder = 0; folder < files / 100; folder++) {
    const path = join(workspace, `d${folder}`)
    mkdirSync(path)
    for (let i = 0; i < 100; i++) {
      const words = `some words of file ${i}\n`.repeat(20)
      writeFileSync(join(path, `f${i}.txt`), folder % 50 === 0 && i === 7 ? `${words}needle-${folder}\n` : words)
    }
  }
}

function ripgrep(workspace: string): number {
  const startedAt = performance.now()
  const out = execFileSync(rgPath, ['--line-number', '--hidden', pattern, '.'], { cwd: workspace, encoding: 'utf8' })
  const ms = performance.now() - startedAt
  if (out.trim().split('\n').length !== files / 5_000) throw new Error('ripgrep did not find what is there')
  return ms
}

/** From the call in the journal to its result. */
async function searched(world: BenchWorld, workspace: string, round: number): Promise<number> {
  const task = { goal: `Search ${round}`, workspace, checks: ['file: d0/f0.txt'] }
  const { id } = (await (await world.post('/api/tasks', task)).json()) as { id: string }
  const ended = async () => {
    const events = await eventsOf(world, id)
    return events.some((event) => event.type === 'task.done') ? events : null
  }
  const events = await until(ended, { everyMs: 200, limitMs: 120_000 })
  const at = (type: string) => events.find((event) => event.type === type)?.at ?? Number.NaN
  return at('tool.ended') - at('tool.started')
}
