/** The repository of a scenario, and what is really true of it afterwards: found out without a word of the product. */
import { execFile, execFileSync } from 'node:child_process'
import { cpSync, existsSync, lstatSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import type { Scenario } from './scenario.ts'

export interface Place {
  /** Top of the repository. */
  root: string
  workspace: string
  home: string
  baseCommit: string
  /** As they were before the work. */
  installed: string
}

const oracleMs = 20_000

const envOf = (home: string) => ({ PATH: process.env.PATH, HOME: home, GIT_CONFIG_NOSYSTEM: '1' })

const git = ({ root, home }: Pick<Place, 'root' | 'home'>, ...args: string[]): string =>
  execFileSync('git', args, { cwd: root, env: envOf(home), encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()

export function settle(scenario: Scenario, root: string, home: string): Place {
  const place = {
    root,
    home,
    workspace: join(root, scenario.folder ?? '.'),
    baseCommit: '',
    installed: `${root}.installed`,
  }
  mkdirSync(root, { recursive: true })
  for (const [path, text] of Object.entries(scenario.files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  if (!scenario.plain) {
    git(place, 'init', '-q', '-b', 'main')
    for (const [key, value] of [
      ['user.name', 'Agent'],
      ['user.email', 'agent@localhost'],
      ['commit.gpgsign', 'false'],
    ] as const) {
      git(place, 'config', key, value)
    }
    git(place, 'add', '--all')
    git(place, 'commit', '-q', '--allow-empty', '-m', 'start')
  }
  if (scenario.before) execFileSync('bash', ['-c', scenario.before], { cwd: root, env: envOf(home) })
  for (const path of scenario.installed ?? [])
    cpSync(join(root, path), join(place.installed, path), { recursive: true })
  return { ...place, baseCommit: headOf(place) }
}

function headOf(place: Pick<Place, 'root' | 'home'>): string {
  try {
    return git(place, 'rev-parse', '--verify', '--quiet', 'HEAD')
  } catch {
    return '' // No repository, or none with a commit.
  }
}

/** What another person would get, with the workspace out of the way, and whether it does what was asked. */
export async function isReallyDone(scenario: Scenario, place: Place, branch: string | null): Promise<boolean> {
  const copy = `${place.root}.copy`
  const away = `${place.root}.away`
  try {
    deliver(scenario, place, { copy, branch })
  } catch {
    return false // What cannot be cloned is nobody's result.
  }
  if (existsSync(place.installed)) cpSync(place.installed, copy, { recursive: true })
  renameSync(place.root, away)
  try {
    return await passes(scenario.oracle, copy, place.home)
  } finally {
    renameSync(away, place.root)
    rmSync(copy, { recursive: true, force: true })
  }
}

function deliver(scenario: Scenario, place: Place, { copy, branch }: { copy: string; branch: string | null }): void {
  const { root, home, baseCommit } = place
  if (branch !== null || (baseCommit !== '' && headOf(place) !== baseCommit)) {
    // Over a pipe: every object is read and named anew.
    execFileSync('git', ['clone', '-q', ...(branch ? ['-b', branch] : []), `file://${root}`, copy], {
      env: envOf(home),
      stdio: 'ignore',
    })
    return
  }
  const skip = [join(root, '.git')]
  if (scenario.plain) return cpSync(root, copy, { recursive: true, verbatimSymlinks: true })
  mkdirSync(copy, { recursive: true })
  for (const path of git(place, 'ls-files', '-z', '--cached', '--others', '--exclude-standard').split('\0')) {
    const from = join(root, path)
    if (path === '' || skip.includes(from) || !lstatSync(from, { throwIfNoEntry: false })) continue
    mkdirSync(dirname(join(copy, path)), { recursive: true })
    cpSync(from, join(copy, path), { verbatimSymlinks: true })
  }
}

const passes = (line: string, cwd: string, home: string): Promise<boolean> =>
  new Promise((resolve) => {
    execFile('bash', ['-c', line], { cwd, env: envOf(home), timeout: oracleMs }, (error) => resolve(error === null))
  })

export function has(program: string): boolean {
  const asks: Record<string, [string, string[]]> = { pytest: ['python3', ['-m', 'pytest', '--version']] }
  const [file, args] = asks[program] ?? [program, ['--version']]
  try {
    execFileSync(file, args, { stdio: 'ignore' })
    return true
  } catch {
    return false // It is not there, which is an answer.
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
