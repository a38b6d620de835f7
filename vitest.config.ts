/** Tests: `test/**` in Node. The reporter ends with the plain line `N passed, N failed`. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/crash/**', 'test/browser/**', 'test/real/**'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    setupFiles: ['test/patience.ts'],
    expect: { poll: { timeout: 30_000, interval: 20 } },
    maxWorkers: 2,
    reporters: ['default', './test/summary.ts'],
  },
})
