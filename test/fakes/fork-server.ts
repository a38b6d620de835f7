/** The fork server of these sources, built, and a way through it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import { onTestFinished, vi } from 'vitest'
import { type ForkLimits, Forks } from '../../src/lib/forks.ts'
import { launchBesideBy, launchHere } from '../../src/lib/launch.ts'

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

/** A server that does just these `steps`: it can say JSON and tell bytes, each as a frame, and hear launches by id. */
export async function writeServer(steps: string): Promise<{ program: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'loom-forks-'))
  const program = join(folder, 'broken.mjs')
  await writeFile(
    program,
    `import { writeSync } from 'node:fs'
    import { Socket } from 'node:net'
    const tell = (kind, id, payload) => {
      const head = Buffer.alloc(9)
      head.writeUInt8(kind, 0)
      head.writeUInt32LE(id, 1)
      head.writeUInt32LE(payload.length, 5)
      writeSync(3, Buffer.concat([head, payload]))
    }
    const say = (kind, id, value) => tell(kind, id, Buffer.from(JSON.stringify(value)))
    const hear = (act) => new Socket({ fd: 3 }).on('data', (data) => data[0] === 1 && act(data.readUInt32LE(1)))
    ${steps}`,
  )
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

/** Until the test is over each command that may be lost is. */
export function loseCommands(): void {
  launchBesideBy((_, listener) => {
    queueMicrotask(() => {
      listener.exited({ exitCode: null, killedBy: null, fault: 'lost', error: 'its starter died' })
      listener.closed(false)
    })
    return { pid: Promise.resolve(null) }
  })
  onTestFinished(() => launchBesideBy(launchHere))
}
