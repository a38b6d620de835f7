import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { profiles } from '../../src/agent/profiles.ts'
import { readBranch, systemPrompt } from '../../src/agent/prompt.ts'

async function folder() {
  const path = await mkdtemp(join(tmpdir(), 'prompt-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return path
}

it('CX-1 the branch stands last, so that a change of it spoils no cached start', () => {
  const [profile] = profiles
  if (!profile) throw new Error('no profile')
  const session = { workspace: '/srv/$$/{x}', createdAt: Date.UTC(2026, 0, 5, 23) }
  const on = (branch: string | null) =>
    systemPrompt({ profile, session, platform: 'linux', instructions: 'Tabs.', memory: '', plan: '', branch })
  expect(on('main').replace(/branch main$/, '')).toBe(on('other').replace(/branch other$/, ''))
  expect(on(null)).toContain(
    'Workspace: /srv/$$/{x}\nPlatform: linux\nDate: 2026-01-05\n\nTabs.\n\nGit: not a repository',
  )
})

it('reads the branch of a repository, of a worktree, and of neither', async () => {
  const root = await folder()
  expect(await readBranch(root)).toBeNull()
  await mkdir(join(root, '.git'))
  await writeFile(join(root, '.git/HEAD'), 'ref: refs/heads/feature/x\n')
  expect(await readBranch(root)).toBe('feature/x')
  const tree = await folder()
  await writeFile(join(tree, '.git'), `gitdir: ${join(root, '.git')}\n`)
  expect(await readBranch(tree)).toBe('feature/x')
  await writeFile(join(root, '.git/HEAD'), '0123456789abcdef\n')
  expect(await readBranch(root)).toBe('detached')
})

it('is not held up by a HEAD that never ends', async () => {
  const root = await folder()
  await mkdir(join(root, '.git'))
  await symlink('/dev/zero', join(root, '.git/HEAD'))
  expect(await readBranch(root)).toBeNull()
})
