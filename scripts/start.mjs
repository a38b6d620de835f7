/** `npm start`: installs and builds what is missing, then runs the daemon. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { ensureBuild, ensurePackages, root } from './ensure.mjs'

ensurePackages()
await ensureBuild()
const daemon = spawn(process.execPath, [join(root, 'dist/main.js'), 'serve', ...process.argv.slice(2)], {
  stdio: 'inherit',
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => daemon.kill(signal))
daemon.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)))
