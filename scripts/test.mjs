/** `npm test`: installs and builds what is missing, then every test: fast ones, real processes, crashes, the browser. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ensureBuild, ensurePackages, root, run } from './ensure.mjs'

ensurePackages()
await ensureBuild()
const given = process.argv.slice(2)
const config = existsSync(join(root, 'vitest.all.config.ts')) ? ['--config', 'vitest.all.config.ts'] : []
process.exit(run(join(root, 'node_modules', '.bin', 'vitest'), ['run', ...config, ...given]))
