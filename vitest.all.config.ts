/** `npm test`: every suite in one run with one closing line: fast, crash (real processes), browser. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: ['vitest.config.ts', 'vitest.crash.config.ts', 'vitest.browser.config.ts'],
    reporters: ['default', './test/summary.ts'],
  },
})
