/** `npm run bench`: builds, bundles the benchmark beside the program, and runs it. `--quick` for a short look. */
import { join } from 'node:path'
import { external } from './build.mjs'
import { ensureBuild, ensurePackages, root, run } from './ensure.mjs'

ensurePackages()
await ensureBuild()
const { rolldown } = await import('rolldown')
const bundle = await rolldown({ input: join(root, 'bench/main.ts'), platform: 'node', external, logLevel: 'warn' })
await bundle.write({ file: join(root, 'dist/bench.js'), format: 'esm', codeSplitting: false })
await bundle.close()
process.exit(run(process.execPath, [join(root, 'dist/bench.js'), ...process.argv.slice(2)]))
