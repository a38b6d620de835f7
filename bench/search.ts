/** The search tool in 100,000 files beside ripgrep itself, the reading tool in a large file beside `tail`; in turn. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rgPath } from '@vscode/ripgrep'
import type { Row } from './measures.ts'
import { type BenchWorld, eventsOf, median, openWorld, until } from './world.ts'

const files = 100_000
const rounds = 9
const pattern = 'needle-[0-9]+'
const line = `${'0123456789'.repeat(10)}\n`
const lines = 10_700_000

export async function search(): Promise<Row[]> {
  const grep = { tool_calls: [{ name: 'grep', arguments: { pattern } }] }
  const read = { tool_calls: [{ name: 'read', arguments: { file_path: 'long.txt', offset: lines - 2 } }] }
  const conversations = [
    { match: 'Search', replies: [grep, { text: 'done' }] },
    { match: 'Read', replies: [read, { text: 'done' }] },
  ]
  const world = await openWorld({ script: { conversations } })
  try {
    return [await inManyFiles(world), await nearTheEnd(world)]
  } finally {
    await world.close()
  }
}

async function inManyFiles(world: BenchWorld): Promise<Row> {
  const workspace = world.workspace('large')
  fill(workspace)
  const [ours, bare]: [number[], number[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    bare.push(ripgrep(workspace))
    ours.push(await called(world, workspace, { goal: `Search ${round}`, check: 'file: d0/f0.txt' }))
  }
  const [value, other] = [median(ours), median(bare)]
  const row = { name: `grep over ${files} files`, value, unit: 'ms', original: null }
  return { ...row, bar: other * 1.2, note: `${(value / other).toFixed(2)}× ripgrep itself: ${other.toFixed(0)} ms` }
}

/** `tail -n +N` has to count the lines before as well. */
async function nearTheEnd(world: BenchWorld): Promise<Row> {
  const workspace = world.workspace('long')
  const file = join(workspace, 'long.txt')
  for (let part = 0; part < 100; part++) appendFileSync(file, line.repeat(lines / 100))
  const [ours, bare]: [number[], number[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    const startedAt = performance.now()
    execFileSync('tail', ['-n', `+${lines - 1}`, file])
    bare.push(performance.now() - startedAt)
    ours.push(await called(world, workspace, { goal: `Read ${round}`, check: 'file: long.txt' }))
  }
  const note = `\`tail -n +${lines - 1}\`: ${median(bare).toFixed(0)} ms`
  const name = `read the last two lines of ${((line.length * lines) / 2 ** 30).toFixed(2)} GB`
  return { name, value: median(ours), unit: 'ms', bar: 1_000, original: null, note }
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
async function called(
  world: BenchWorld,
  workspace: string,
  { goal, check }: { goal: string; check: string },
): Promise<number> {
  const task = { goal, workspace, checks: [check] }
  const { id } = (await (await world.post('/api/tasks', task)).json()) as { id: string }
  const ended = async () => {
    const events = await eventsOf(world, id)
    return events.some((event) => event.type === 'task.done') ? events : null
  }
  const events = await until(ended, { everyMs: 200, limitMs: 120_000 })
  const at = (type: string) => events.find((event) => event.type === type)?.at ?? Number.NaN
  return at('tool.ended') - at('tool.started')
}
