import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { type FileState, isKeptState } from '../../src/core/session.ts'
import { sha256 } from '../../src/lib/digest.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import { buildCrashChild, crashWorld } from '../fakes/crash-world.ts'

beforeAll(buildCrashChild)

const digestOf = (state: FileState) => (isKeptState(state) ? state.sha256 : state)

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
      const world = await crashWorld(onTestFinished, script)
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
      // What the killed one changed is known to the next, so that it can be taken back.
      const changes = entries.flatMap((entry) => (entry.type === 'changed' ? entry.files : []))
      const ofCount = changes.filter(({ path }) => path === join(world.workspace, 'count'))
      const texts = ['', ...lines.map((_, n) => `${lines.slice(0, n + 1).join('\n')}\n`)].map((text) =>
        sha256(Buffer.from(text)),
      )
      expect(ofCount.map(({ before, after }) => [digestOf(before), digestOf(after)])).toEqual(
        lines.map((_, n) => [texts[n], texts[n + 1]]),
      )
    },
  )
})
