/** What the sandbox costs a command: the same runs on two daemons, in turn, one with it and one without. */
import { loopTime, type Row, script } from './measures.ts'
import { type BenchWorld, median, openWorld } from './world.ts'

const rounds = 15

export async function sandboxed(): Promise<Row[]> {
  const [bare, confined] = [
    await openWorld({ script }),
    await openWorld({ script, env: { OPENLOOM_SANDBOX_MODE: 'auto' } }),
  ]
  try {
    const { sandbox } = (await (await confined.get('/api/state')).json()) as {
      sandbox: { kind: string; detail: string }
    }
    const [without, within]: [number[], number[]] = [[], []]
    const time = (world: BenchWorld) => loopTime(world, 'twenty shells', 1)
    for (let round = 0; round < rounds; round++) {
      without.push(...(await time(bare)))
      within.push(...(await time(confined)))
    }
    const [a, b] = [median(without) / 20, median(within) / 20]
    const row = { unit: 'ms', original: null }
    return [
      { ...row, name: 'a shell step, bare', value: a, bar: 10 },
      { ...row, name: 'a shell step, sandboxed', value: b, bar: 20, note: `${sandbox.kind}: ${sandbox.detail}` },
      { ...row, name: 'what the sandbox costs a shell step', value: b - a, bar: 10 },
    ]
  } finally {
    await Promise.all([bare.close(), confined.close()])
  }
}
