/** Browser stories: `test/browser/**` drive the built page in Debian's Chromium; skipped, and said so, without one. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/browser/**/*.test.ts'],
    globalSetup: ['test/browser/build.ts'],
    // For the slowest machine: a browser beside a daemon beside the same again, on two cores.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    setupFiles: ['test/patience.ts'],
    expect: { poll: { timeout: 30_000, interval: 20 } },
    maxWorkers: 2,
    reporters: ['default', './test/summary.ts'],
  },
})
