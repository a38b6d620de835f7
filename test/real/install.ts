/** Tells the real stories where the OpenCode binary is; installs it when it is not there yet. */
import { execFileSync } from 'node:child_process'

export default function setup(): void {
  const script = new URL('../../scripts/opencode.mjs', import.meta.url).pathname
  const stdio: ['ignore', 'pipe', 'inherit'] = ['ignore', 'pipe', 'inherit']
  process.env['OPENLOOM_REAL_OPENCODE'] = execFileSync(process.execPath, [script], { encoding: 'utf8', stdio }).trim()
}
