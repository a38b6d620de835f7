/** `npm run check`: format and lint, types of server and page, then the fast tests; `--sources` leaves the tests out. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ensureBuild, ensurePackages, root, run } from './ensure.mjs'

const bin = (name) => join(root, 'node_modules', '.bin', name)

/** Everything but the tests; exits at the first complaint. */
export function checkSources() {
  const steps = [
    [bin('biome'), ['check', '--error-on-warnings', '.']],
    [process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.']],
  ]
  if (existsSync(join(root, 'frontend/tsconfig.json'))) {
    steps.push([
      bin('svelte-check'),
      ['--tsconfig', 'frontend/tsconfig.json', '--fail-on-warnings', '--output', 'human'],
    ])
  }
  for (const [command, args] of steps) {
    const status = run(command, args)
    if (status !== 0) process.exit(status)
  }
}

if (process.argv[1]?.endsWith('check.mjs')) {
  ensurePackages()
  checkSources()
  if (process.argv.includes('--sources')) process.exit(0)
  await ensureBuild()
  process.exit(run(bin('vitest'), ['run']))
}
