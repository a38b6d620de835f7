/** Waits end when the thing is there; the limit is for what never comes, on the slowest machine that runs the tests. */
import { vi } from 'vitest'

const leastMs = 30_000
const { waitFor } = vi

vi.waitFor = (look, options) => {
  const asked = typeof options === 'number' ? { timeout: options } : options
  return waitFor(look, { interval: 20, ...asked, timeout: Math.max(leastMs, asked?.timeout ?? 0) })
}
