/** Waits end when the thing is there; the limit is for what never comes, on the slowest machine that runs the tests. */
import { vi } from 'vitest'

const usual = { timeout: 30_000, interval: 20 }
const { waitFor } = vi

vi.waitFor = (look, options) =>
  waitFor(look, { ...usual, ...(typeof options === 'number' ? { timeout: options } : options) })
