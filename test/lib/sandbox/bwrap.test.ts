import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ownedProcesses } from '../../../src/lib/process.ts'
import { hasBwrap, sandboxWorld } from '../../fakes/sandbox.ts'

const git = (cwd: string, ...args: string[]) => {
  const made = spawnSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { cwd, encoding: 'utf8' })
  expect(made.status, made.stderr).toBe(0)
}

describe.runIf(hasBwrap)('the sandbox', () => {
  it('SE-2 lets a command change its workspace alone, and shows it neither home nor our data', async () => {
    const { home, workspace, dataDir, folder, run, passes } = await sandboxWorld()
    writeFileSync(join(home, 'diary.txt'), 'private')
    writeFileSync(join(dataDir, 'key'), 'secret')
    symlinkSync(home, join(workspace, 'way-out'))
    await passes('echo made > made.txt')
    expect(readFileSync(join(workspace, 'made.txt'), 'utf8')).toBe('made\n')
    for (const path of [join(home, 'diary.txt'), join(dataDir, 'key'), 'way-out/diary.txt']) {
      expect((await run(`cat ${path}`)).exitCode, path).toBe(1)
    }
    await run(`echo x > ${folder}/outside; echo x > way-out/outside; echo x > ${home}/outside; echo x > /outside`)
    expect([join(folder, 'outside'), join(home, 'outside'), '/outside'].filter((path) => existsSync(path))).toEqual([])
    expect((await run('echo x > /usr/outside')).output).toContain('Read-only')
    expect(await passes('pwd')).toBe(`${workspace}\n`)
  })

  it('SE-2 shows no process but its own, and passes on the exit code', async () => {
    const { home, workspace, sandbox, run, passes } = await sandboxWorld()
    expect(await passes('ls /proc | grep -c "^[0-9]"')).toMatch(/^[1-6]\n$/)
    expect((await run('exit 7')).exitCode).toBe(7)
    const { wrap } = sandbox.confine({ workspace, writable: true, owner: 'r-1' })
    const lost = spawnSync('env', wrap(['true'], `${home}/elsewhere`), { encoding: 'utf8' })
    expect(lost).toMatchObject({ status: 1, stderr: expect.stringMatching(/^bwrap: Can't chdir/) })
    expect((await run('no-such-program-here')).exitCode).toBe(127)
  })

  it('SE-2 keeps hooks and settings of git from being changed, and lets it commit', async () => {
    const { workspace, run, passes } = await sandboxWorld()
    git(workspace, 'init', '--quiet')
    await passes('echo a > a; git add a; git -c user.name=t -c user.email=t@t commit -qm one; git log --oneline')
    for (const line of [
      'mkdir -p .git/hooks; echo evil > .git/hooks/pre-commit',
      'git config core.hooksPath /tmp/evil',
      'mv .git moved',
      'rm -rf .git/hooks',
    ]) {
      expect((await run(line)).exitCode, line).not.toBe(0)
    }
    expect(existsSync(join(workspace, '.git/hooks/pre-commit'))).toBe(false)
  })

  it('SE-2 keeps hooks from being made where there are none, of submodules and of linked work trees too', async () => {
    const { home, workspace, run, passes } = await sandboxWorld()
    git(workspace, 'init', '--quiet', '--template=')
    git(workspace, 'commit', '--quiet', '--allow-empty', '-m', 'one')
    const inner = join(workspace, '.git/modules/a/b')
    git(workspace, 'init', '--quiet', '--bare', '--template=', inner)
    git(workspace, 'worktree', 'add', '--quiet', join(home, 'linked'))
    for (const line of [
      'mkdir -p .git/hooks; echo evil > .git/hooks/pre-commit',
      'ln -s /tmp .git/hooks/x',
      'rmdir .git/hooks || mv .git/hooks .git/hooks2',
      'echo evil > .git/modules/a/b/config',
      'mkdir -p .git/modules/a/b/hooks; echo evil > .git/modules/a/b/hooks/pre-commit',
      'mv .git/modules/a/b .git/modules/a/c',
      'mv .git/modules/a .git/modules/c',
      'echo /tmp > .git/worktrees/linked/commondir',
      'mv .git/worktrees .git/w',
      'rm .git/modules/a/b/HEAD; echo evil > .git/modules/a/b/config',
    ]) {
      expect((await run(line)).exitCode, line).not.toBe(0)
    }
    await passes('chmod 0 .git/modules; echo done')
    expect((await run('chmod 755 .git/modules; echo evil > .git/modules/a/b/config')).exitCode).not.toBe(0)
    chmodSync(join(workspace, '.git/modules'), 0o755)
    expect(readdirSync(join(workspace, '.git/hooks'))).toEqual([])
    expect(readFileSync(join(inner, 'config'), 'utf8')).not.toContain('evil')
    await passes('echo a > a; git add a; git -c user.name=t -c user.email=t@t commit -qm two')
  })

  it('SE-2 changes nothing of git’s where hooks are a link, which a command could replace', async () => {
    const { workspace, folder, run, passes } = await sandboxWorld()
    git(workspace, 'init', '--quiet', '--template=')
    symlinkSync(folder, join(workspace, '.git/hooks'))
    expect((await run('rm .git/hooks')).exitCode).not.toBe(0)
    await passes('git status')
  })

  it('SE-2 lets git work in a linked work tree, and follows no pointer that git did not write', async () => {
    const { home, workspace, run, passes } = await sandboxWorld()
    git(workspace, 'init', '--quiet')
    git(workspace, 'commit', '--quiet', '--allow-empty', '-m', 'one')
    const linked = join(home, 'linked')
    git(workspace, 'worktree', 'add', '--quiet', linked)
    const here = { workspace: linked }
    await passes('echo b > b; git add b; git -c user.name=t -c user.email=t@t commit -qm two', here)
    await run(`echo x > ${workspace}/x`, here)
    expect(existsSync(join(workspace, 'x'))).toBe(false)
    expect((await run('echo "gitdir: /" > .git', here)).exitCode).not.toBe(0)
    const [forged, keys] = [join(home, 'forged'), join(home, 'keys')]
    mkdirSync(forged)
    mkdirSync(join(keys, 'objects'), { recursive: true })
    writeFileSync(join(keys, 'id'), 'key')
    writeFileSync(join(forged, '.git'), `gitdir: ${keys}\n`)
    expect((await run(`cat ${keys}/id`, { workspace: forged })).exitCode).toBe(1)
  })

  it('SE-2 reads what settings name, and shows a home that is the workspace without its keys', async () => {
    const { home, folder, dataDir, run, passes } = await sandboxWorld({ also_read: ['/var/lib/dpkg'] })
    await passes('test -e /var/lib/dpkg && ! touch /var/lib/dpkg/x')
    mkdirSync(join(home, '.ssh'))
    writeFileSync(join(home, '.ssh/id'), 'key')
    writeFileSync(join(home, '.netrc'), 'key')
    writeFileSync(join(home, 'logins'), 'key')
    symlinkSync('logins', join(home, '.git-credentials'))
    writeFileSync(join(dataDir, 'key'), 'secret')
    writeFileSync(join(home, 'mine'), 'mine')
    for (const workspace of [home, folder]) {
      expect(await passes(`cat ${home}/mine`, { workspace })).toBe('mine')
      for (const path of ['.ssh/id', '.netrc', '.git-credentials', 'logins']) {
        expect((await run(`cat ${home}/${path}`, { workspace })).exitCode, path).toBe(1)
      }
      expect((await run(`cat ${dataDir}/key`, { workspace })).exitCode).toBe(1)
    }
  })

  it('SE-2 shows of a folder in PATH what was installed with it, and not what lies beside', async () => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'alice-')))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    for (const name of ['bin', 'lib', 'share', '.ssh', 'letters']) mkdirSync(join(folder, name))
    for (const name of ['lib/code', 'share/data', '.ssh/id', 'letters/one', 'note']) {
      writeFileSync(join(folder, name), 'x')
    }
    writeFileSync(join(folder, 'bin/tool'), `#!/bin/sh\ncat ${folder}/lib/code ${folder}/share/data`, { mode: 0o755 })
    const { run, passes } = await sandboxWorld({}, { PATH: `${join(folder, 'bin')}:${process.env.PATH}` })
    expect(await passes('tool')).toBe('xx')
    for (const name of ['.ssh/id', 'letters/one', 'note']) {
      expect((await run(`cat ${folder}/${name}`)).exitCode, name).toBe(1)
    }
  })

  it('SE-2 bounds processes and files', async () => {
    const { workspace, run } = await sandboxWorld({ processes: 32, file_mb: 1 })
    // The kernel counts no processes of root.
    const forks = await run('for i in $(seq 1 200); do sleep 5 & done; echo all')
    expect(forks.output).toMatch(process.getuid?.() === 0 ? /all/ : /Resource temporarily unavailable/)
    await run('head -c 3000000 /dev/zero > big')
    expect(readFileSync(join(workspace, 'big')).length).toBe(1024 * 1024)
  })

  it('PM-5 nothing changes a read-only workspace, in any language, and what only reads still works', async () => {
    const { workspace, run, passes } = await sandboxWorld()
    git(workspace, 'init', '--quiet')
    writeFileSync(join(workspace, 'a.txt'), 'one\n')
    writeFileSync(join(workspace, 'Makefile'), 'made:\n\techo made > made.txt\n')
    git(workspace, 'add', '--all')
    git(workspace, 'commit', '--quiet', '-m', 'one')
    writeFileSync(join(workspace, 'a.txt'), 'two\n')
    const place = { writable: false }
    for (const line of [
      `python3 -c 'open("a.txt", "w").write("x")'`,
      `node -e 'require("fs").writeFileSync("a.txt", "x")'`,
      'find . -name a.txt -delete',
      'git checkout -- a.txt',
      'git stash',
      'make made',
      'curl -s -o a.txt file:///etc/hostname',
    ]) {
      expect((await run(line, place)).exitCode, line).not.toBe(0)
      expect(readFileSync(join(workspace, 'a.txt'), 'utf8'), line).toBe('two\n')
    }
    for (const line of [`grep -c '>' Makefile`, 'cat a.txt > /dev/null', 'git log --oneline && git status --short']) {
      await passes(line, place)
    }
    await passes('echo x > /tmp/x && cat /tmp/x', place)
    expect(existsSync(join(workspace, 'made.txt'))).toBe(false)
  })

  it('TL-4 a background child does not hold the caller, and a pipe-holding one ends at the limit', async () => {
    const { owner, run } = await sandboxWorld()
    const begun = performance.now()
    expect((await run('sleep 300 & echo bg')).output).toBe('bg\n')
    expect(performance.now() - begun).toBeLessThan(1_000)
    const limited = await run('setsid sleep 300 & nohup sleep 300 & (sleep 300 &) ; sleep 300', {}, 2_000)
    expect(limited).toMatchObject({ ended: 'timeout' })
    expect(limited.durationMs).toBeLessThan(3_000)
    expect(ownedProcesses(owner)).toEqual([])
  })
})
