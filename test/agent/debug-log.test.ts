import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openModelDebug } from '../../src/agent/debug-log.ts'
import { systemClock } from '../../src/core/clock.ts'
import { Secrets } from '../../src/lib/log.ts'
import { agentWorld } from '../fakes/agent-world.ts'

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'loom-debug-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

describe('DU-6 the debug log of a run', () => {
  it('has a line for each request and each reply, without secrets, for the owner alone', async () => {
    const dir = join(folder(), 'debug')
    const secrets = new Secrets()
    secrets.add('key "with" quotes')
    const debug = openModelDebug({
      dir,
      clock: systemClock,
      hide: (text) => secrets.hide(text),
      log: () => undefined,
    })
    const world = await agentWorld([{ tool_calls: [{ name: 'glob', arguments: { pattern: '*' } }] }, { text: 'bye' }], {
      debug,
    })
    await world.run('use key "with" quotes')
    const started = world.entries().find((entry) => entry.type === 'run.started')
    const path = join(dir, `${started?.type === 'run.started' ? started.runId : ''}.jsonl`)
    const text = readFileSync(path, 'utf8')
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.map(({ type }) => type)).toEqual(['request', 'response', 'request', 'response'])
    expect(lines[0]).toMatchObject({ model: 'scripted-model', provider: 'local', messages: expect.any(Array) })
    expect(lines[3]).toMatchObject({ text: 'bye', end: { kind: 'finished', finish: 'stop' } })
    expect(text).toContain('use [secret]')
    expect(text).not.toContain('quotes')
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('has an end, and a folder that cannot be written ends no run', async () => {
    const dir = folder()
    const said: string[] = []
    const open = (at: string) =>
      openModelDebug({ dir: at, clock: systemClock, hide: (text) => text, log: (text) => said.push(text) })
    const debug = open(dir)
    for (let n = 0; n < 5; n++) debug.record('r', { text: 'x'.repeat(20 * 1024 * 1024) })
    expect(statSync(join(dir, 'r.jsonl')).size).toBeLessThan(64 * 1024 * 1024 + 200)
    expect(readFileSync(join(dir, 'r.jsonl'), 'utf8').trimEnd().endsWith('"bytesMax":67108864}')).toBe(true)
    open('/dev/null/no').record('r', {})
    expect(said).toHaveLength(1)
  })
})
