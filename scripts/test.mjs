/** `npm test`: installs and builds what is missing, then every suite, one after the other; ends on the sum of all. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureBuild, ensurePackages, root, run } from './ensure.mjs'

/** Suites with real processes or a browser come alone, so that they do not take each other's time. */
const suites = ['vitest.config.ts', 'vitest.crash.config.ts', 'vitest.browser.config.ts']

ensurePackages()
await ensureBuild()
const folder = mkdtempSync(join(tmpdir(), 'openloom-test-'))
const counts = join(folder, 'counts')
const given = process.argv.slice(2)
let status = 0
for (const config of suites) {
  const args = ['run', '--config', config, ...(given.length > 0 ? ['--passWithNoTests', ...given] : [])]
  const env = { ...process.env, OPENLOOM_TEST_COUNTS: counts }
  status = run(join(root, 'node_modules', '.bin', 'vitest'), args, { env }) || status
}
const rows = existsSync(counts)
  ? readFileSync(counts, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  : []
rmSync(folder, { recursive: true })
const sum = (name) => rows.reduce((total, row) => total + row[name], 0)
const skipped = sum('skipped') > 0 ? `, ${sum('skipped')} skipped` : ''
process.stdout.write(`\n${sum('passed')} passed, ${sum('failed')} failed${skipped}\n`)
process.exit(status)
