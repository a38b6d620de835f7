import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import { beforeAll, describe, expect, it, type TestContext } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import type { JournalEntry } from '../../src/core/session.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import { startScriptedModel } from '../../src/sample/scripted-model.ts'
import { FileJournal } from '../fakes/file-journal.ts'

const root = new URL('../..', import.meta.url).pathname
const bundle = join(root, 'dist/test/crash-child.mjs')

beforeAll(async () => {
  const build = await rolldown({
    input: join(root, 'test/fakes/crash-child.ts'),
    platform: 'node',
    external: ['@vscode/ripgrep'],
  })
  await build.write({ file: bundle, codeSplitting: false })
})

const script: ScriptInput = [
  {
    text: 'Looking.',
    tool_calls: [
      { name: 'read', arguments: { file_path: 'a' } },
      { name: 'glob', arguments: { pattern: '*' } },
    ],
  },
  { tool_calls: [{ name: 'bash', arguments: { command: 'echo x >> count' } }] },
  {
    tool_calls: [
      { name: 'write', arguments: { file_path: 'b', content: 'text' } },
      { name: 'bash', arguments: { command: 'cat b; echo y >> count' } },
    ],
  },
  { text: 'All done.' },
]

async function crashWorld(onTestFinished: TestContext['onTestFinished']) {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'crash-')))
  const workspace = join(folder, 'project')
  await mkdir(workspace)
  await writeFile(join(workspace, 'a'), 'one\n')
  await writeFile(join(workspace, 'count'), '')
  const model = await startScriptedModel({ script, clock: systemClock })
  onTestFinished(async () => {
    await model.close()
    await rm(folder, { recursive: true })
  })
  const journalPath = join(folder, 'journal')
  const host = (failpoint: string) =>
    new Promise<{ signal: string | null; out: string }>((resolve) => {
      const args = [bundle, journalPath, workspace, join(folder, 'outputs'), model.url]
      const env = { ...process.env, OPENLOOM_FAILPOINT: failpoint }
      const child = execFile(process.execPath, args, { env, timeout: 15_000 }, (_error, out) => {
        resolve({ signal: child.signalCode, out })
      })
    })
  const entries = (): JournalEntry[] => {
    const journal = new FileJournal(journalPath, systemClock)
    const session = journal.sessionOfTask('t1')
    journal.close()
    return session ? journal.entries(session.id).map((row) => row.entry) : []
  }
  return { host, entries, requests: model.requests, count: () => readFile(join(workspace, 'count'), 'utf8') }
}

const places: [string, number][] = [
  ['agent.run.started', 1],
  ['agent.model.event', 4],
  ['agent.assistant.stored', 3],
  ['agent.tool.started', 3],
  ['agent.tool.ran', 5],
  ['agent.tool.ended', 5],
  ['agent.run.ending', 1],
  ['agent.run.ended', 1],
]
const points = places.flatMap(([name, hits]) => Array.from({ length: hits }, (_, n) => `${name}:${n + 1}`))

describe('DU-1, DU-3 a host killed with -9', () => {
  it.concurrent.for(points)(
    'at %s goes on after its restart, and repeats nothing that changes',
    async (point, { onTestFinished }) => {
      const world = await crashWorld(onTestFinished)
      const killed = await world.host(point)
      expect(killed.signal).toBe('SIGKILL')
      const { out } = await world.host('')
      expect(JSON.parse(out)).toEqual({ kind: 'idle', promptId: 'p1', complete: true, text: 'All done.' })
      expect(world.requests.filter((request) => request.body).map((request) => request.status)).not.toContain(400)
      const lines = (await world.count()).split('\n').filter(Boolean)
      expect(lines).toEqual([...new Set(lines)])
      const entries = world.entries()
      const results = entries.flatMap((entry) => (entry.type === 'tool.ended' ? [entry.callId] : []))
      const calls = entries.flatMap((entry) => (entry.type === 'assistant' ? entry.calls.map((call) => call.id) : []))
      expect(results.sort()).toEqual(calls.sort())
      const unknown = entries.some((entry) => entry.type === 'tool.ended' && entry.output.startsWith('Outcome unknown'))
      expect(lines.length === 2 || unknown).toBe(true)
    },
  )
})
