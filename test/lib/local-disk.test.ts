/** What may be looked at in passing: plain paths on disks of this machine. The answers are those of the long way. */
import { mkdirSync, mkdtempSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { isInside, readSmall, realPathInside } from '../../src/lib/files.ts'
import { isLocal, isPlain } from '../../src/lib/local-disk.ts'

let root: string
beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'openloom-disk-')))
  mkdirSync(join(root, 'a/b'), { recursive: true })
  writeFileSync(join(root, 'a/b/file.txt'), 'text')
  writeFileSync(join(root, 'large'), 'x'.repeat(300 * 1024))
  symlinkSync('a', join(root, 'link'))
  symlinkSync('/etc', join(root, 'out'))
  symlinkSync('nowhere', join(root, 'dangling'))
})

describe('a path', () => {
  it.each(['.', 'a', 'a/b/file.txt'])('without a link is its own real path: %s', (path) => {
    expect(isPlain(join(root, path))).toBe(isLocal(root))
  })

  it.each(['link', 'link/b/file.txt', 'out/hosts', 'dangling', 'missing', 'a/missing/x', 'a/b/file.txt/x'])(
    'that runs through a link, or is not there, is not: %s',
    (path) => {
      expect(isPlain(join(root, path))).toBe(false)
    },
  )

  it('that other programs answer for is none of a local disk', () => {
    expect(isLocal('/proc/self/status')).toBe(false)
    expect(isPlain('/proc/self/status')).toBe(false)
  })

  it.each(['a/b/file.txt', 'link/b/file.txt', '../', 'a/../..', 'out/hosts', './/a//b/', '/etc/hosts'])(
    'is where the file system says that it is: %s',
    async (path) => {
      const real = realpathSync(path.startsWith('/') ? path : join(root, path))
      expect(await realPathInside(root, path)).toBe(isInside(root, real) ? real : null)
    },
  )
})

describe('a small file', () => {
  it('is read whole, at once or in parts', async () => {
    expect((await readSmall(join(root, 'a/b/file.txt'), 1_000)).bytes?.toString()).toBe('text')
    expect((await readSmall(join(root, 'large'), 1_000_000)).bytes?.length).toBe(300 * 1024)
    expect(await readSmall(join(root, 'large'), 1_000)).toEqual({
      bytes: null,
      size: 300 * 1024,
      mode: expect.any(Number),
    })
    await expect(readSmall(join(root, 'link'), 1_000)).rejects.toMatchObject({ code: 'ELOOP' })
    await expect(readSmall(join(root, 'a'), 1_000)).rejects.toMatchObject({ code: 'ENOTREG' })
  })
})
