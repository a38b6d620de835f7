/** The project's own commands, found in real little folders with real little programs. */
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { findCommands } from '../../../src/lib/project/commands.ts'

const everything = ['npm', 'pnpm', 'pytest', 'ruff', 'mypy', 'uv', 'tox', 'cargo', 'cargo-clippy', 'go', 'make', 'just']

/** Files by path, and the programs that this machine is to have. */
async function find(files: Record<string, string>, programs: readonly string[] = [...everything, 'java', 'mvn']) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'loom-project-')))
  onTestFinished(() => rmSync(root, { recursive: true }))
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  for (const [path, text] of Object.entries(files)) {
    write(join('work', path), text)
    if (text.startsWith('#!')) chmodSync(join(root, 'work', path), 0o755)
  }
  for (const name of programs) {
    write(join('bin', name), '#!/bin/sh\n')
    chmodSync(join(root, 'bin', name), 0o755)
  }
  mkdirSync(join(root, 'work'), { recursive: true })
  const found = await findCommands(join(root, 'work'), join(root, 'bin'))
  return found.map(({ kind, run }) => `${kind}: ${run}`)
}

const scripts = (all: Record<string, string>, more: Record<string, unknown> = {}) => ({
  'package.json': JSON.stringify({ scripts: all, ...more }),
})

describe('the commands of a project', () => {
  it.each<[project: string, files: Record<string, string>, commands: string[]]>([
    [
      'JavaScript',
      scripts({ test: 'npm run build', typecheck: 'npm x', lint: 'npm y', build: 'npm z' }),
      ['test: npm test', 'types: npm run typecheck', 'lint: npm run lint'],
    ],
    ['pnpm', { ...scripts({ test: 'npm x' }), 'pnpm-lock.yaml': '' }, ['test: pnpm run test']],
    ['yarn without yarn', { ...scripts({ test: 'npm x' }), 'yarn.lock': '' }, ['test: npm test']],
    [
      'its own programs',
      { ...scripts({ test: 'vitest run' }), 'node_modules/.bin/vitest': '#!/bin/sh\n' },
      ['test: npm test'],
    ],
    ['pytest', { 'pyproject.toml': '[tool.pytest.ini_options]\n[tool.ruff]\n' }, ['test: pytest', 'lint: ruff check']],
    ['pytest by its tests', { 'tests/test_a.py': '' }, ['test: pytest']],
    ['uv', { 'conftest.py': '', 'uv.lock': '' }, ['test: uv run pytest']],
    ['a virtual environment', { 'conftest.py': '', '.venv/bin/pytest': '#!/bin/sh\n' }, ['test: ./.venv/bin/pytest']],
    ['mypy', { 'pyproject.toml': '[tool.mypy]\nfiles = "src"\n' }, ['types: mypy']],
    ['tox', { 'tox.ini': '[tox]\nenvlist = py3\n' }, ['test: tox']],
    ['Rust', { 'Cargo.toml': '[package]\n' }, ['test: cargo test']],
    [
      'clippy',
      { 'Cargo.toml': '[lints.clippy]\nall = "deny"\n' },
      ['test: cargo test', 'lint: cargo clippy --all-targets'],
    ],
    ['Go', { 'go.mod': 'module a\n' }, ['test: go test ./...', 'lint: go vet ./...']],
    ['make', { Makefile: 'lint:\n\tx\ntest: all\n\tx\n' }, ['test: make test', 'lint: make lint']],
    [
      'make beside a language',
      { Makefile: 'test:\n\tgo test\n', 'go.mod': '' },
      ['test: go test ./...', 'lint: go vet ./...'],
    ],
    ['just', { justfile: 'test *args:\n  x\n' }, ['test: just test']],
    ['gradle', { 'build.gradle': '', gradlew: '#!/bin/sh\n' }, ['test: ./gradlew test']],
    ['maven', { 'pom.xml': '' }, ['test: mvn -B test']],
  ])('are found for %s', async (_project, files, commands) => {
    expect(await find(files)).toEqual(commands)
  })

  it.each<[why: string, files: Record<string, string>]>([
    ['the placeholder of npm', scripts({ test: 'echo "Error: no test specified" && exit 1' })],
    ['a script that watches', scripts({ test: 'npm x --watch' })],
    ['a script whose program is missing', scripts({ test: 'npm x && vitest run' })],
    ['a broken package.json', { 'package.json': '{"scripts": {"test": ' }],
    ['scripts that are no text', { 'package.json': '{"scripts": {"test": ["rm"]}}' }],
    ['a variable named test', { Makefile: 'test := 1\ntests = 2\n' }],
    [
      'a file that is too large',
      { 'package.json': `${JSON.stringify({ scripts: { test: 'npm x' } })}${' '.repeat(3e5)}` },
    ],
    ['nothing at all', {}],
  ])('are not made of %s', async (_why, files) => {
    expect(await find(files)).toEqual([])
  })

  it('are left out when their program is missing', async () => {
    const files = { ...scripts({ test: 'npm x' }), 'go.mod': '', 'Cargo.toml': '', Makefile: 'test:\n', 'pom.xml': '' }
    expect(await find(files, [])).toEqual([])
  })

  it('are at most six, tests first', async () => {
    const python = '[tool.pytest.ini_options]\n[tool.ruff]\n[tool.mypy]\nfiles = "src"\n'
    const files = { ...scripts({ test: 'npm x', lint: 'npm y' }), 'pyproject.toml': python, 'go.mod': '' }
    const found = await find(files)
    expect(found.map((line) => line.split(':')[0])).toEqual(['test', 'test', 'test', 'types', 'lint', 'lint'])
  })

  it('are not read through a link that leads out of the folder', async () => {
    const root = realpathSync(mkdtempSync(join(tmpdir(), 'loom-project-')))
    onTestFinished(() => rmSync(root, { recursive: true }))
    mkdirSync(join(root, 'work'))
    writeFileSync(join(root, 'Makefile'), 'test:\n')
    symlinkSync('../Makefile', join(root, 'work', 'Makefile'))
    expect(await findCommands(join(root, 'work'), process.env.PATH ?? '')).toEqual([])
  })
})
