/**
 * Prints the one closing line that any CI can read: `N passed, N failed` (and `, N skipped` where there are any), and
 * above it what failed, by name and with its first line: the end of a long output is the part that everybody sees.
 * As one of several suites (scripts/test.mjs) it hands both on instead.
 */
import { appendFileSync } from 'node:fs'
import type { Reporter, TestModule } from 'vitest/node'

type Failure = { readonly message: string }

export default class Summary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly Failure[] = []): void {
    const count = { passed: 0, failed: 0, skipped: 0 }
    const failures: string[] = []
    const fail = (name: string, errors: readonly Failure[]): void => {
      count.failed++
      failures.push(`${name}: ${errors[0]?.message.split('\n')[0] ?? 'no reason given'}`)
    }
    for (const module of modules) {
      const tests = [...module.children.allTests()]
      if (module.state() === 'failed' && !tests.some((test) => test.result().state === 'failed')) {
        fail(module.relativeModuleId, module.errors())
      }
      for (const test of tests) {
        const result = test.result()
        if (result.state === 'passed') count.passed++
        else if (result.state === 'failed') fail(`${module.relativeModuleId} > ${test.fullName}`, result.errors)
        else count.skipped++
      }
    }
    for (const error of unhandled) fail('outside of any test', [error])
    const file = process.env.OPENLOOM_TEST_COUNTS
    if (file) {
      appendFileSync(file, `${JSON.stringify({ ...count, failures })}\n`)
      return
    }
    const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : ''
    for (const failure of failures) process.stdout.write(`\nFAILED ${failure}`)
    process.stdout.write(`\n${count.passed} passed, ${count.failed} failed${skipped}\n`)
  }
}
