/** What was said to models and back, one JSON line each, a file a run, without secrets. It is written if asked for. */
import { appendFileSync, chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { reasonOf } from '../core/problem.ts'

export interface ModelDebug {
  record(runId: string, line: Record<string, unknown>): void
}

const fileBytesMax = 64 * 1024 * 1024
const runsMax = 1_000

export function openModelDebug(given: {
  dir: string
  clock: Clock
  /** Takes secrets out of a text. */
  hide(text: string): string
  log(text: string): void
}): ModelDebug {
  const { dir, clock, hide, log } = given
  const sizes = new Map<string, number>()
  const append = (runId: string, value: Record<string, unknown>): void => {
    const line = `${hide(JSON.stringify({ at: new Date(clock.now()).toISOString(), run: runId, ...value }))}\n`
    const size = sizes.get(runId) ?? 0
    if (size > fileBytesMax) return
    const over = size + line.length > fileBytesMax
    if (sizes.size >= runsMax) sizes.clear()
    sizes.set(runId, over ? fileBytesMax + 1 : size + line.length)
    const text = over ? `${JSON.stringify({ run: runId, type: 'cut', bytesMax: fileBytesMax })}\n` : line
    if (size === 0) mkdirSync(dir, { recursive: true, mode: 0o700 })
    appendFileSync(join(dir, `${runId}.jsonl`), text, { mode: 0o600 })
    if (size === 0) chmodSync(join(dir, `${runId}.jsonl`), 0o600)
  }
  return {
    record(runId, line) {
      try {
        append(runId, line)
      } catch (error) {
        // A full disk must not end the run that somebody wants to understand.
        log(`the model debug log cannot be written: ${reasonOf(error)}`)
      }
    },
  }
}
