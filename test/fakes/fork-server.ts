/** The fork server of these sources, built, and a way through it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import { vi } from 'vitest'
import { type ForkLimits, Forks } from '../../src/lib/forks.ts'

const source = new URL('../../src/lib/fork-server.ts', import.meta.url).pathname

/** Its path, and the way to take it away again. */
export async function buildForkServer(): Promise<{ program: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'loom-forks-'))
  const program = join(folder, 'fork-server.mjs')
  const build = await rolldown({ input: source, platform: 'node', logLevel: 'warn' })
  await build.write({ file: program, codeSplitting: false })
  await build.close()
  return { program, remove: () => rm(folder, { recursive: true }) }
}

/** With a server that can be asked. */
export async function openReady(program: string, limits: Partial<ForkLimits> = {}): Promise<Forks> {
  const forks = new Forks(program, limits)
  await vi.waitUntil(async () => (await parentBy(forks)) === forks.pid, { timeout: 60_000, interval: 20 })
  return forks
}

/** Who starts a command just now. */
export function parentBy(forks: Forks): Promise<number> {
  return new Promise((resolve) => {
    let said = ''
    forks.launch(
      { argv: ['bash', '-c', 'echo $PPID'], cwd: '/', env: { PATH: process.env.PATH ?? '' } },
      {
        output: (_, chunk) => {
          said += chunk
        },
        exited: () => undefined,
        closed: () => resolve(Number(said)),
      },
    )
  })
}
