/** Stories with the real OpenCode server: `test/real/**`. `npm run test:real` installs it outside of the tree. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/real/**/*.test.ts'],
    // Plays what is recorded for a second time, minutes long: for a new version of OpenCode, when asked.
    exclude: process.env.OPENLOOM_RECORD ? [] : ['test/real/recordings.test.ts'],
    globalSetup: ['test/crash/build.ts', 'test/real/install.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Each file has servers of its own, and waits for them most of the time.
    setupFiles: ['test/patience.ts'],
    expect: { poll: { timeout: 30_000, interval: 20 } },
    maxWorkers: 2,
    maxConcurrency: 6,
    reporters: ['default', './test/summary.ts'],
  },
})
