/**
 * Ends what this process had running when it is killed and can do nothing any more. A shell waits on a pipe that closes
 * with us, however we end, and then kills by the owner variable; after an orderly end it finds nothing.
 */
import { spawn } from 'node:child_process'
import { hostVariable, ownerVariable } from './process.ts'

/** Several rounds: what is killed may be starting something. */
const script = `
  cat > /dev/null
  for round in 1 2 3; do
    for file in /proc/[0-9]*/environ; do
      pid="\${file#/proc/}"
      pid="\${pid%/environ}"
      grep -zqxF -- "$1" "$file" 2>/dev/null && grep -zqE -- "$2" "$file" 2>/dev/null && kill -9 "$pid" 2>/dev/null
    done
    sleep 0.05
  done`

/** Only where there is a /proc to look in; elsewhere the next start ends what is left. */
export function startWatchdog(owners: readonly string[]): { stop(): Promise<void> } {
  if (process.platform !== 'linux') return { stop: async () => undefined }
  const mine = `${hostVariable}=${process.pid}`
  const theirs = `^${ownerVariable}=(${owners.join('|')})(/|$)`
  const child = spawn('sh', ['-c', script, 'sh', mine, theirs], {
    cwd: '/',
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin' },
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  // Without it the next start does its work.
  child.on('error', () => undefined)
  child.stdin.on('error', () => undefined)
  child.unref()
  return {
    async stop() {
      if (child.exitCode !== null || child.pid === undefined) return
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
      child.ref()
      child.kill('SIGKILL')
      await ended
    },
  }
}
