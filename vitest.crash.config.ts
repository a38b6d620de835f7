/** Crash stories: `test/crash/**` kill the real daemon. `OPENLOOM_CRASH=long` makes sweeps finer and soaks longer. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/crash/**/*.test.ts'],
    globalSetup: ['test/crash/build.ts'],
    testTimeout: 600_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    reporters: ['default', './test/summary.ts'],
  },
})
