import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { buildCrashChild, crashWorld } from '../fakes/crash-world.ts'

beforeAll(buildCrashChild)

const windowTokens = 12_000
const text = 'I think about it at some length. '.repeat(150)
const reads = (n: number) => ({ name: 'read', arguments: { file_path: `part-${n}` } })

/** Each file names the next, so that the model needs no memory. */
const chain = {
  context_tokens: windowTokens,
  replies: [
    { match: '^Summarise:', text: 'Goal: read the chain.' },
    ...Array.from({ length: 14 }, (_, n) => ({ match: `next is part-${n + 1}\\b`, text, tool_calls: [reads(n + 1)] })),
    { match: 'next is part-15\\b', text: 'All done.' },
    { match: 'go|went|interrupted', text, tool_calls: [reads(0)] },
  ],
}

describe('DU-1 a host killed with -9', () => {
  it.concurrent.for(['turn.compacting:1', 'turn.compacted:1', 'turn.compacted:2'])(
    'at %s goes on, and what was summarised is not summarised again',
    async (point, { onTestFinished }) => {
      const world = await crashWorld(onTestFinished, chain, { context_tokens: windowTokens })
      for (let n = 0; n < 15; n++) await writeFile(join(world.workspace, `part-${n}`), `next is part-${n + 1}\n`)
      expect((await world.host(point)).signal).toBe('SIGKILL')
      const { out } = await world.host('')
      expect(JSON.parse(out)).toMatchObject({ kind: 'idle', complete: true, text: 'All done.' })
      const asked = world.requests.filter(({ body }) => body && !body.tools?.length).length
      const rows = world.entries().filter(({ type }) => type === 'compacted').length
      expect(asked - rows).toBe(point.startsWith('turn.compacting') ? 1 : 0)
      expect(world.requests.map(({ status }) => status)).not.toContain(400)
    },
  )

  it.concurrent.for(['turn.steer', 'turn.steered'])(
    'at %s has the word of a person heard once',
    async (point, { onTestFinished }) => {
      const world = await crashWorld(onTestFinished, [{ text: 'All done.' }])
      expect((await world.host(point, 'steer')).signal).toBe('SIGKILL')
      const { out } = await world.host('')
      expect(JSON.parse(out)).toMatchObject({ kind: 'idle', complete: true })
      const heard = world.requests.at(-1)?.body?.messages.filter(({ content }) => content === 'Use tabs.')
      expect(heard).toHaveLength(1)
    },
  )

  it('at turn.paused stays paused until somebody resumes it', async ({ onTestFinished }) => {
    const world = await crashWorld(onTestFinished, [{ text: 'All done.' }])
    expect((await world.host('turn.paused', 'pause')).signal).toBe('SIGKILL')
    expect(JSON.parse((await world.host('')).out)).toMatchObject({ kind: 'waiting', for: 'resume' })
    expect(world.requests.filter(({ body }) => body)).toHaveLength(0)
    expect(JSON.parse((await world.host('', 'resume')).out)).toMatchObject({ kind: 'idle', complete: true })
  })
})
