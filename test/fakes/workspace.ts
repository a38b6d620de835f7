/** A real workspace in a temporary folder: files, git, and what a check is told about it. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { CheckContext } from '../../src/core/check.ts'
import { systemClock } from '../../src/core/clock.ts'
import { childEnvironment } from '../../src/lib/process.ts'
import { unconfined } from '../../src/lib/sandbox/sandbox.ts'

export class TemporaryWorkspace {
  /** A folder around the workspace, for things that must stay out of reach. */
  readonly outside = realpathSync(mkdtempSync(join(tmpdir(), 'openloom-checks-')))
  readonly path = join(this.outside, 'workspace')
  readonly owner = `test-${process.pid}-${this.outside.slice(-6)}`

  constructor() {
    mkdirSync(this.path)
  }

  write(path: string, data: string | Uint8Array): this {
    const full = join(this.path, path)
    mkdirSync(dirname(full), { recursive: true })
    writeFileSync(full, data)
    return this
  }

  link(path: string, target: string): this {
    symlinkSync(target, join(this.path, path))
    return this
  }

  run(program: string, ...args: string[]): string {
    const env = { ...this.env, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' }
    return execFileSync(program, args, { cwd: this.path, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  }

  /** Makes it a repository and commits all there is; gives the commit. */
  commit(): string {
    this.run('git', 'init', '--quiet')
    this.run('git', 'add', '--all')
    this.run('git', '-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '--quiet', '--allow-empty', '-m', 'start')
    return this.run('git', 'rev-parse', 'HEAD').trim()
  }

  private readonly env = childEnvironment(process.env)

  context(more: Partial<CheckContext> = {}): CheckContext {
    return {
      workspace: this.path,
      taskStartedAt: 0,
      baseCommit: null,
      baseline: {},
      before: null,
      env: this.env,
      owner: this.owner,
      confinement: unconfined,
      clock: systemClock,
      signal: new AbortController().signal,
      ...more,
    }
  }

  remove(): void {
    rmSync(this.outside, { recursive: true, force: true })
  }
}
