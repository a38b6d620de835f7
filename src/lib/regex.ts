/**
 * Searches text with a pattern that somebody else wrote. What could backtrack runs in a worker thread with a limit, so
 * that a hostile pattern costs its caller an outcome and never blocks the process.
 */
import { Worker } from 'node:worker_threads'

export type Search =
  | { kind: 'found'; index: number; length: number }
  | { kind: 'absent' }
  /** The limit came first: nothing is known. */
  | { kind: 'timeout' }
  | { kind: 'aborted' }
  /** The engine refused, e.g. for lack of memory. */
  | { kind: 'failed'; text: string }

export interface SearchLimits {
  timeoutMs: number
  signal?: AbortSignal
}

/** Plain characters, escapes and classes only: one pass, no way back, so no thread is needed. */
const linear = /^(?:[^\\*+?{}()|[\]]|\\[dDwWsSbBnrt]|\\[^A-Za-z0-9]|\[\^?[^\\[\]]+\])*$/

/** Inlined because a bundle has no file of its own for it. */
const program = `
const { parentPort, workerData } = require('node:worker_threads')
const match = new RegExp(workerData.source, workerData.flags).exec(workerData.text)
parentPort.postMessage(match ? { kind: 'found', index: match.index, length: match[0].length } : { kind: 'absent' })
`

export function searchText(pattern: RegExp, text: string, limits: SearchLimits): Promise<Search> {
  if (limits.signal?.aborted) return Promise.resolve({ kind: 'aborted' })
  // Sticky and global carry a position from call to call; a search here always begins at the start.
  const flags = pattern.flags.replace(/[gy]/g, '')
  if (linear.test(pattern.source)) return Promise.resolve(searchHere(new RegExp(pattern.source, flags), text))
  return searchInThread({ source: pattern.source, flags, text }, limits)
}

function searchHere(pattern: RegExp, text: string): Search {
  const match = pattern.exec(text)
  return match ? { kind: 'found', index: match.index, length: match[0].length } : { kind: 'absent' }
}

function searchInThread(workerData: { source: string; flags: string; text: string }, limits: SearchLimits) {
  return new Promise<Search>((resolve) => {
    const worker = new Worker(program, {
      eval: true,
      workerData,
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 32 },
    })
    const finish = (search: Search) => {
      clearTimeout(limit)
      limits.signal?.removeEventListener('abort', onAbort)
      void worker.terminate().then(() => resolve(search))
    }
    const onAbort = () => finish({ kind: 'aborted' })
    const limit = setTimeout(() => finish({ kind: 'timeout' }), limits.timeoutMs)
    limits.signal?.addEventListener('abort', onAbort, { once: true })
    worker.once('message', (search: Search) => finish(search))
    worker.once('error', (error) => finish({ kind: 'failed', text: error.message }))
  })
}
