/** Time as a parameter: the only place, beside lib/, that touches the machine's clocks and timers. */

export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Wall time in epoch ms. For stamps people read; it may jump. */
  now(): number
  /** Monotonic ms. For every limit and every "how long"; it never jumps. */
  monotonic(): number
  /** Calls `fn` once after `delayMs`. A pending timer never keeps the process alive. */
  after(delayMs: number, fn: () => void): Timer
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, fn) {
    const handle = setTimeout(fn, delayMs)
    handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
}

/** Resolves after `delayMs`, or at once when `signal` aborts; the caller asks the signal which it was. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const finish = () => {
      timer.cancel()
      signal?.removeEventListener('abort', finish)
      resolve()
    }
    const timer = clock.after(delayMs, finish)
    signal?.addEventListener('abort', finish, { once: true })
  })
}
