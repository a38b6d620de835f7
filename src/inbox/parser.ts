/**
 * Parses long markdown beside the main thread, with a limit: a
 * hostile file costs a thread for seconds, never the daemon.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Clock } from '../core/clock.ts'
import { type Result, refuse } from '../core/problem.ts'
import { packageRoot } from '../lib/paths.ts'
import { type Dispatched, dispatchText, type Grammar } from './dispatch.ts'

/** Up to here the main thread is quicker than starting a thread (a few ms for the worst text of this length). */
export const inlineCharsMax = 2_000
const limitMs = 10_000
/** The program itself is the other side (main.ts); only the build can be started as a thread. */
const program = join(packageRoot, 'dist', 'main.js')

export function makeParser(grammar: Grammar, clock: Clock): (text: string) => Promise<Result<Dispatched>> {
  let tail: Promise<unknown> = Promise.resolve()
  return async (text) => {
    if (text.length <= inlineCharsMax || !existsSync(program)) return dispatchText(text, grammar)
    // One at a time: a folder full of hostile files must not start a thread for each.
    const result = tail.then(() => parseBeside(text, clock))
    tail = result.catch(() => undefined)
    return result
  }
}

function parseBeside(text: string, clock: Clock): Promise<Result<Dispatched>> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(program, { workerData: text, env: {}, resourceLimits: { maxOldGenerationSizeMb: 256 } })
    const limit = clock.after(limitMs, () => settle(refuse(tooComplicated)))
    const settle = (result: Result<Dispatched>) => {
      limit.cancel()
      void thread.terminate()
      resolve(result)
    }
    thread.once('message', (result: Result<Dispatched>) => settle(result))
    thread.once('error', (error: Error & { code?: string }) => {
      limit.cancel()
      if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') resolve(refuse(tooComplicated))
      else reject(error)
    })
  })
}

const tooComplicated = {
  kind: 'too-complicated',
  text: `The text could not be read within ${limitMs / 1000} s.`,
  todo: 'Write it with less nesting and fewer lists.',
}
