/**
 * Searches text with a pattern or words that somebody else wrote. What could take long runs in a worker thread with a
 * limit, so that a hostile search costs its caller an outcome and never blocks the process.
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

/** Characters compared at worst before a thread is worth its start; some 70 ms. */
const comparisonsMax = 200_000_000

/**
 * Inlined because a bundle has no file of its own for it. Plain text is searched slice by slice: the engine can be
 * stopped between two calls and not within one.
 */
const program = `
const { parentPort, workerData: { source, flags, text } } = require('node:worker_threads')
const stride = Math.max(1, Math.ceil(${comparisonsMax} / Math.max(1, source.length)))
function find() {
  if (flags !== null) {
    const match = new RegExp(source, flags).exec(text)
    return match ? { kind: 'found', index: match.index, length: match[0].length } : { kind: 'absent' }
  }
  for (let from = 0; from < text.length; from += stride) {
    const index = text.slice(from, from + stride + source.length - 1).indexOf(source)
    if (index >= 0) return { kind: 'found', index: from + index, length: source.length }
  }
  return { kind: 'absent' }
}
parentPort.postMessage(find())
`

interface Task {
  source: string
  /** Null: `source` is plain text. */
  flags: string | null
  text: string
}

export function searchText(wanted: RegExp | string, text: string, limits: SearchLimits): Promise<Search> {
  if (limits.signal?.aborted) return Promise.resolve({ kind: 'aborted' })
  const task = taskOf(wanted, text)
  const isLinear = task.flags === null || linear.test(task.source)
  // Even plain text is compared again from each place: ten thousand characters in 8 MB of nearly the same took 28 s.
  if (isLinear && task.source.length * text.length <= comparisonsMax) return Promise.resolve(searchHere(task))
  return searchInThread(task, limits)
}

function taskOf(wanted: RegExp | string, text: string): Task {
  if (typeof wanted === 'string') return { source: wanted, flags: null, text }
  // Sticky and global carry a position from call to call; a search here always begins at the start.
  return { source: wanted.source, flags: wanted.flags.replace(/[gy]/g, ''), text }
}

function searchHere({ source, flags, text }: Task): Search {
  if (flags === null) {
    const index = text.indexOf(source)
    return index < 0 ? { kind: 'absent' } : { kind: 'found', index, length: source.length }
  }
  const match = new RegExp(source, flags).exec(text)
  return match ? { kind: 'found', index: match.index, length: match[0].length } : { kind: 'absent' }
}

function searchInThread(workerData: Task, limits: SearchLimits): Promise<Search> {
  return new Promise((resolve) => {
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
