/**
 * Parses long markdown beside the main thread, with a limit: a
 * hostile file costs a thread for seconds, never the daemon.
 */
import type { Clock } from '../core/clock.ts'
import { type Result, refuse } from '../core/problem.ts'
import { canRunBeside, runBeside } from '../lib/beside.ts'
import { oneByOne } from '../lib/one-by-one.ts'
import { type Dispatched, dispatchText, type Grammar } from './dispatch.ts'

/** Up to here the main thread is quicker than starting a thread (a few ms for the worst text of this length). */
export const inlineCharsMax = 2_000
const limitMs = 10_000

export function makeParser(grammar: Grammar, clock: Clock): (text: string) => Promise<Result<Dispatched>> {
  // A folder full of hostile files must not start a thread for each.
  const inTurn = oneByOne()
  return async (text) => {
    if (text.length <= inlineCharsMax || !canRunBeside()) return dispatchText(text, grammar)
    return inTurn(() => parseBeside(text, clock))
  }
}

async function parseBeside(text: string, clock: Clock): Promise<Result<Dispatched>> {
  const limits = { clock, timeoutMs: limitMs, memoryMb: 256 }
  return (await runBeside<Result<Dispatched>>({ kind: 'task', text }, limits)) ?? refuse(tooComplicated)
}

const tooComplicated = {
  kind: 'too-complicated',
  text: `The text could not be read within ${limitMs / 1000} s.`,
  todo: 'Write it with less nesting and fewer lists.',
}
