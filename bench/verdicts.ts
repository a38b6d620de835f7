/** What a verdict costs beyond the check commands themselves, in repositories of many files. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TaskDetail } from '../src/server/api.ts'
import type { Row } from './measures.ts'
import { type BenchWorld, eventsOf, median, openWorld, quantile, until } from './world.ts'

const foldersOf = 100
/** The clean checkout is made beside the agent's work, which takes its time, as that of any real one. */
const work = (seconds: number) => ({
  tool_calls: [
    { name: 'bash', arguments: { command: `sleep ${seconds}; echo changed > file-0.txt`, timeout: 60_000 } },
  ],
})

interface Size {
  files: number
  barMs: number
  workSeconds: number
  rounds: number
}

export async function verdicts(sizes: readonly Size[]): Promise<Row[]> {
  const rows: Row[] = []
  for (const size of sizes) rows.push(await verdictTime(size))
  return rows
}

async function verdictTime({ files, barMs, workSeconds, rounds }: Size): Promise<Row> {
  const world = await openWorld({
    script: { replies: [work(workSeconds), { text: 'Done.' }], at_end: 'repeat' },
    env: { OPENLOOM_MUST_FAIL_FIRST: 'yes' },
  })
  try {
    const workspace = world.workspace(`files-${files}`)
    fill(workspace, files)
    const times: number[] = []
    for (let round = 0; round < rounds; round++) {
      execFileSync('git', ['checkout', '-q', '.'], { cwd: workspace })
      times.push(await overhead(world, workspace, round))
    }
    return {
      name: `agent finished → verdict, less the checks, ${files} files, p50`,
      value: median(times),
      unit: 'ms',
      bar: barMs,
      original: null,
      note: `p99 ${quantile(times, 0.99).toFixed(0)} ms, n ${times.length}; the agent worked ${workSeconds} s`,
    }
  } finally {
    await world.close()
  }
}

function fill(root: string, files: number): void {
  for (let index = 0; index < files; index++) {
    const folder = index === 0 ? '.' : `folder-${index % foldersOf}`
    if (index <= foldersOf) mkdirSync(join(root, folder), { recursive: true })
    writeFileSync(join(root, folder, `file-${index}.txt`), `The file of number ${index}.\n`.repeat(4))
  }
  const who = ['-c', 'user.name=Bench', '-c', 'user.email=bench@localhost', '-c', 'commit.gpgsign=false']
  for (const args of [
    ['init', '-q'],
    ['add', '--all'],
    [...who, 'commit', '-q', '-m', 'start'],
  ]) {
    execFileSync('git', args, { cwd: root })
  }
}

async function overhead(world: BenchWorld, workspace: string, round: number): Promise<number> {
  const answer = await world.post('/api/tasks', {
    goal: `Change the file (${round})`,
    workspace,
    checks: ['run: true'],
  })
  const { id } = (await answer.json()) as { id: string }
  const ended = async () => {
    const detail = (await (await world.get(`/api/tasks/${id}`)).json()) as TaskDetail
    return detail.task.endedAt === null ? null : detail
  }
  const { attempts } = await until(ended, { everyMs: 250, limitMs: 180_000 })
  const events = await eventsOf(world, id)
  const at = (type: string) => events.find((event) => event.type === type)?.at ?? Number.NaN
  const checks = attempts.at(-1)?.checks ?? []
  const clean = checks.map((check) => Number(check.clean?.evidence.facts?.durationMs ?? Number.NaN))
  const own = checks.reduce((sum, check) => sum + check.durationMs, 0) + clean.reduce((sum, ms) => sum + ms, 0)
  return at('verdict.reached') - at('run.ended') - own
}
