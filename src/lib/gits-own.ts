/**
 * What of a repository runs, or says what runs, when a person uses git later: hooks and settings. They are the
 * person's, for the tools that write files and for commands in the sandbox alike. Pure.
 */
import { sep } from 'node:path'

/** Names right in a folder of git's: the work tree's own, a submodule's, or a linked work tree's. */
const names = new Set(['hooks', 'config', 'config.worktree', 'commondir', 'gitdir'])

/** `path` is a real one. Some file systems know names in any case. */
export function isGitsOwn(path: string): boolean {
  const parts = path.toLowerCase().split(sep)
  const at = parts.indexOf('.git')
  if (at < 0) return false
  // The folder itself, or the file that names it elsewhere.
  if (at === parts.length - 1) return true
  const [first = '', ...rest] = parts.slice(at + 1)
  if (names.has(first)) return true
  // The names of submodules are paths.
  return (first === 'modules' || first === 'worktrees') && rest.some((name) => names.has(name))
}
