/** Starts the daemon of managed-child.ts as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import type { ManagedAddress, ManagedOptions } from '../../src/runtimes/opencode/managed.ts'

const root = new URL('../..', import.meta.url).pathname

export interface OtherDaemon {
  server: ManagedAddress
  kill(): Promise<void>
}

export async function startOtherDaemon(
  options: Pick<ManagedOptions, 'command' | 'argv' | 'dataDir' | 'owner'>,
  env: Readonly<Record<string, string>>,
): Promise<OtherDaemon> {
  const bundle = join(root, 'dist/test', `managed-child-${process.pid}.mjs`)
  const build = await rolldown({
    input: join(root, 'test/fakes/managed-child.ts'),
    platform: 'node',
    external: /^[^./]/,
    logLevel: 'silent',
  })
  await build.write({ file: bundle, format: 'esm', codeSplitting: false })
  await build.close()
  const child = spawn(process.execPath, [bundle, JSON.stringify(options)], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const text = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(String(chunk)))
    child.once('exit', (code) => reject(new Error(`the other daemon ended (${code})`)))
  })
  const told = JSON.parse(text) as { ok: boolean; value: ManagedAddress }
  if (!told.ok) throw new Error(text)
  return { server: told.value, kill: () => end(child) }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await exited
}
