/**
 * Has the built program do one job in a thread of its own, with a limit of time and memory: what a hostile input can
 * make take for ever costs a thread, never the daemon. It knows no job.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Clock } from '../core/clock.ts'
import { packageRoot } from './paths.ts'

/** What main.ts is told when it is started as a thread. */
export type Job = { kind: string } & Readonly<Record<string, unknown>>

export interface BesideLimits {
  clock: Clock
  timeoutMs: number
  memoryMb: number
  signal?: AbortSignal
}

const program = join(packageRoot, 'dist', 'main.js')

/** Only the build can be started as a thread. */
export const canRunBeside = (): boolean => existsSync(program)

/** Null: a limit was reached, or the signal came. Rejects for bugs. */
export function runBeside<T>(job: Job, { clock, timeoutMs, memoryMb, signal }: BesideLimits): Promise<T | null> {
  if (signal?.aborted) return Promise.resolve(null)
  return new Promise((resolve, reject) => {
    const resourceLimits = { maxOldGenerationSizeMb: memoryMb }
    const thread = new Worker(program, { workerData: job, env: {}, resourceLimits })
    const finish = (end: () => void) => {
      limit.cancel()
      signal?.removeEventListener('abort', stop)
      void thread.terminate().then(end)
    }
    const stop = () => finish(() => resolve(null))
    const limit = clock.after(timeoutMs, stop)
    signal?.addEventListener('abort', stop, { once: true })
    thread.once('message', (value: T) => finish(() => resolve(value)))
    thread.once('error', (error: Error & { code?: string }) => {
      finish(() => (error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? resolve(null) : reject(error)))
    })
  })
}
