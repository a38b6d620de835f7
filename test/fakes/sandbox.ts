/** The real sandbox of this machine around a throw-away home; null where the machine has none. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { openLog, Secrets } from '../../src/lib/log.ts'
import { childEnvironment, killTree, runCommand } from '../../src/lib/process.ts'
import { openSandbox } from '../../src/lib/sandbox/open.ts'
import { type Place, type SandboxSettings, sandboxSchema } from '../../src/lib/sandbox/sandbox.ts'

const tried = spawnSync('bwrap', ['--unshare-user', '--unshare-pid', '--ro-bind', '/', '/', 'true'])
export const hasBwrap = tried.status === 0
if (!hasBwrap) process.stderr.write('bubblewrap cannot be used here: the tests of the sandbox are left out\n')

let worlds = 0

export async function sandboxWorld(given: Partial<SandboxSettings> = {}, around: Record<string, string> = {}) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-')))
  const [home, workspace, dataDir] = ['home', 'home/work', 'home/data'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  for (const path of [workspace, dataDir]) mkdirSync(path, { recursive: true })
  const owner = `test-sandbox-${process.pid}-${++worlds}`
  const env = { ...childEnvironment(process.env), HOME: home, ...around }
  const settings = sandboxSchema.parse(given)
  const log = openLog('silent', new Secrets())
  const sandbox = await openSandbox({ settings, home, dataDir, env, owner, log })
  onTestFinished(async () => {
    await killTree(undefined, owner)
    await sandbox.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const run = (line: string, place: Partial<Place> = {}, timeoutMs = 15_000) => {
    const { wrap } = sandbox.confine({ workspace, writable: true, owner: 'r-1', ...place })
    const cwd = place.workspace ?? workspace
    const argv = wrap(['bash', '-c', line], cwd)
    return runCommand({ argv, cwd, env, owner, timeoutMs, outputBytesMax: 20_000 })
  }
  const passes = async (line: string, place: Partial<Place> = {}) => {
    const outcome = await run(line, place)
    expect(outcome.exitCode, `${line}\n${outcome.output}`).toBe(0)
    return outcome.output
  }
  return { folder, home, workspace, dataDir, owner, sandbox, run, passes }
}
