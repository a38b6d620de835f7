/**
 * `npm test`: installs and builds what is missing, then every suite, one after the other; ends on the sum of all.
 * `--suite NAME` runs one of them. The real suite joins where OpenCode is installed already, in CI, and when named.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ensureBuild, ensurePackages, root, run } from './ensure.mjs'
import { ensureOpencode, installedOpencode } from './opencode.mjs'

/** Suites with real processes or a browser come alone, so that they do not take each other's time. */
const configs = {
  fast: 'vitest.config.ts',
  crash: 'vitest.crash.config.ts',
  browser: 'vitest.browser.config.ts',
  real: 'vitest.real.config.ts',
}

const isCi = Boolean(process.env.CI)
const { values, positionals } = parseArgs({
  options: { suite: { type: 'string', multiple: true } },
  allowPositionals: true,
})
let status = 0

ensurePackages()
await ensureBuild()
const suites = (values.suite ?? Object.keys(configs)).filter((name) => name !== 'real' || canRunReal())
const folder = mkdtempSync(join(tmpdir(), 'openloom-test-'))
const counts = join(folder, 'counts')
for (const name of suites) {
  const args = [
    'run',
    '--config',
    configs[name],
    ...(positionals.length > 0 ? ['--passWithNoTests', ...positionals] : []),
  ]
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
for (const failure of rows.flatMap((row) => row.failures)) process.stdout.write(`\nFAILED ${failure}`)
process.stdout.write(`\n${sum('passed')} passed, ${sum('failed')} failed${skipped}\n`)
process.exit(status)

/** Nobody gets a big download who did not ask for it. In CI a proof that is missing is a failure, elsewhere a line. */
function canRunReal() {
  if (installedOpencode()) return true
  if (!isCi && !values.suite) {
    process.stdout.write('Skipped the suite with the real OpenCode: `npm run test:real` installs it and runs it.\n')
    return false
  }
  const { binary, reason } = ensureOpencode()
  if (binary) return true
  process.stdout.write(`Skipped the suite with the real OpenCode, which could not be installed: ${reason}\n`)
  if (isCi) status = 1
  return false
}
