/** Crash stories: `test/crash/**` kill the real daemon. `OPENLOOM_CRASH=long` makes sweeps finer and soaks longer. */
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What takes minutes begins first, so that no worker waits for the last file. A fresh clone remembers no durations. */
const longest = ['sweep', 'failpoints', 'full-disk', 'drill']

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => longest.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`))
    const place = (file: TestSpecification) => (rank(file) < 0 ? longest.length : rank(file))
    return [...files].sort((a, b) => place(a) - place(b))
  }
}

export default defineConfig({
  test: {
    include: ['test/crash/**/*.test.ts'],
    globalSetup: ['test/crash/build.ts'],
    testTimeout: 600_000,
    hookTimeout: 60_000,
    setupFiles: ['test/patience.ts'],
    expect: { poll: { timeout: 30_000, interval: 20 } },
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    reporters: ['default', './test/summary.ts'],
  },
})
