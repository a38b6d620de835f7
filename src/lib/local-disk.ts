/**
 * Which paths lie on disks of this machine: these may be looked at in passing, as the store's own file is. Behind a
 * network or another program (NFS, sshfs, autofs) no answer may ever come, and everything would wait for it.
 */
import { lstatSync, readFileSync } from 'node:fs'

const localTypes = new Set('ext2 ext3 ext4 xfs btrfs zfs f2fs bcachefs tmpfs ramfs overlay'.split(' '))
/** So much later a new mount is known. */
const freshMs = 5_000

/** Where something is mounted that is no disk of this machine; null: cannot be told. */
let remote: { points: string[] | null; readAt: number } | null = null

function remotePoints(): string[] | null {
  if (remote === null || performance.now() - remote.readAt > freshMs) {
    remote = { points: readPoints(), readAt: performance.now() }
  }
  return remote.points
}

/** A line: id, parent, device, root, point, options, optional fields, `-`, type … (proc(5)). */
function readPoints(): string[] | null {
  try {
    const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter(Boolean)
    const mounts = lines.map((line) => ({
      point: line.split(' ')[4] ?? '/',
      type: line.split(' - ')[1]?.split(' ')[0],
    }))
    return mounts.filter(({ type }) => !localTypes.has(type ?? '')).map(({ point }) => unescaped(point))
  } catch {
    return null
  }
}

const unescaped = (point: string): string =>
  point.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/** `path` is absolute and without links. */
export const isLocal = (path: string): boolean =>
  remotePoints()?.every((point) => path !== point && !path.startsWith(point === '/' ? point : `${point}/`)) ?? false

/** It is there, on local disks all the way, and no part of it is a link: so it is its own real path. */
export function isPlain(path: string): boolean {
  if (!isLocal(path)) return false
  try {
    for (let end = path.indexOf('/', 1); ; end = path.indexOf('/', end + 1)) {
      const found = lstatSync(end < 0 ? path : path.slice(0, end), { throwIfNoEntry: false })
      if (!found || found.isSymbolicLink()) return false
      if (end < 0) return true
    }
  } catch {
    return false
  }
}
