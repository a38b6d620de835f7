import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { findChange } from '../../src/lib/changes.ts'

const limits = { since: 1_000_000, until: 9_000_000, entriesMax: 100, limitMs: 5_000, skip: ['.git'] }

function folder(files: Record<string, number>): string {
  const root = mkdtempSync(join(tmpdir(), 'loom-changes-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  for (const [path, at] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), 'x')
    utimesSync(join(root, path), at / 1000, at / 1000)
  }
  return root
}

describe('a change below a folder', () => {
  it('is a file of any depth that is newer than the instant', async () => {
    expect(await findChange(folder({ 'a/b/c.txt': 2_000_000, 'old.txt': 500_000 }), limits)).toBe(2_000_000)
    expect(await findChange(folder({ 'a/old.txt': 1_000_000 }), limits)).toBeNull()
  })

  it('is none in the future, in a folder that is skipped, behind a link or where nothing is', async () => {
    const elsewhere = folder({ 'new.txt': 2_000_000 })
    const root = folder({ 'future.txt': 9_500_000, '.git/index': 2_000_000 })
    symlinkSync(elsewhere, join(root, 'link'))
    expect(await findChange(root, limits)).toBeNull()
    expect(await findChange(join(root, 'nowhere'), limits)).toBeNull()
  })

  it('is not looked for beyond the limits', async () => {
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`f${n}`, 2_000_000]))
    expect(await findChange(folder(many), { ...limits, entriesMax: 10 })).toBeNull()
  })
})
