/** The crash stories run what ships: a build that is older than the sources is renewed before them. */
import { execFileSync } from 'node:child_process'

export default function setup(): void {
  const root = new URL('../..', import.meta.url).pathname
  const code = "import { ensureBuild } from './scripts/ensure.mjs'; await ensureBuild()"
  execFileSync(process.execPath, ['--input-type=module', '-e', code], { cwd: root, stdio: 'inherit' })
}
