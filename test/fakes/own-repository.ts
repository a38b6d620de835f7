/** A person's repository in a temporary folder, and proof that nothing of it was touched. It knows no task. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { childEnvironment } from '../../src/lib/process.ts'
import { openRepository, type Repository } from '../../src/lib/repository.ts'
import { TemporaryWorkspace } from './workspace.ts'

const settings = ['protocol.file.allow=always', 'user.name=Ada', 'user.email=ada@localhost'].flatMap((one) => [
  '-c',
  one,
])

export class OwnRepository {
  readonly home: TemporaryWorkspace
  readonly top: string
  readonly worktrees: string
  readonly env: Record<string, string>

  constructor(format = 'sha1') {
    this.home = new TemporaryWorkspace()
    this.top = this.home.path
    this.worktrees = join(this.home.outside, 'data', 'worktrees')
    // Whose repository this is is not whose machine the test runs on.
    this.env = { ...childEnvironment(process.env), HOME: this.home.outside, GIT_CONFIG_NOSYSTEM: '1' }
    this.git('init', '-q', '-b', 'main', `--object-format=${format}`)
    this.git('config', 'user.name', 'Ada')
    this.git('config', 'user.email', 'ada@localhost')
  }

  git(...args: string[]): string {
    return this.gitIn(this.top, ...args)
  }

  gitIn(folder: string, ...args: string[]): string {
    return this.home.run('git', '-C', folder, ...settings, ...args).replace(/\n$/, '')
  }

  write(path: string, text: string, folder = this.top): this {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
    return this
  }

  commit(message = 'work', folder = this.top): string {
    this.gitIn(folder, 'add', '--all')
    this.gitIn(folder, 'commit', '-q', '--allow-empty', '--no-verify', '-m', message)
    return this.gitIn(folder, 'rev-parse', 'HEAD')
  }

  async open(folder = this.top): Promise<Repository> {
    const opened = await openRepository({ cwd: folder, env: this.env, owner: this.home.owner })
    if (!opened.ok) throw new Error(JSON.stringify(opened.problems))
    return opened.value
  }

  /** Index bytes, status, stashes, HEAD, every reference that is not ours, and every file that is not git's. */
  state(folder = this.top): Record<string, string> {
    const gitDir = this.gitIn(folder, 'rev-parse', '--absolute-git-dir')
    const index = join(gitDir, 'index')
    // Read before git is asked: it may write the index anew.
    const bytes = existsSync(index) ? createHash('sha256').update(readFileSync(index)).digest('hex') : 'none'
    const refs = this.gitIn(folder, 'for-each-ref', '--format=%(refname) %(objectname)')
    return {
      index: bytes,
      head: readFileSync(join(gitDir, 'HEAD'), 'utf8'),
      status: this.gitIn(folder, '--no-optional-locks', 'status', '--porcelain', '-z', '--ignored'),
      stashes: this.gitIn(folder, 'stash', 'list'),
      refs: refs
        .split('\n')
        .filter((line) => !/^refs\/(heads\/)?openloom\//.test(line))
        .join('\n'),
      config: readFileSync(
        join(this.gitIn(folder, 'rev-parse', '--git-common-dir').replace(/^\.git$/, join(folder, '.git')), 'config'),
        'utf8',
      ),
      files: filesOf(folder),
    }
  }

  remove(): void {
    this.home.remove()
  }
}

function filesOf(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => !/^\.git(\/|$)/.test(name))
    .sort()
    .map((name) => {
      const stat = statSync(join(folder, name), { throwIfNoEntry: false })
      const body = stat?.isFile()
        ? createHash('sha256')
            .update(readFileSync(join(folder, name)))
            .digest('hex')
        : ''
      return `${name} ${stat?.mode} ${body}`
    })
    .join('\n')
}
