/** What a package.json says how to test, type-check and lint. Reads; it never asks a package manager. */
import type { CommandKind, Folder, ProjectCommand } from './folder.ts'

const names: readonly [CommandKind, readonly string[]][] = [
  ['test', ['test', 'test:unit']],
  ['types', ['typecheck', 'type-check', 'check-types', 'check:types', 'types', 'tsc']],
  ['lint', ['lint']],
]

const locks: readonly [string, string][] = [
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
  ['bun.lock', 'bun'],
  ['bun.lockb', 'bun'],
]

/** They do not end by themselves, or wait for a person. */
const endless = /(^|\s)(--watch(All)?|-w|--ui|nodemon)(\s|$|=true)/

export async function javascriptCommands(folder: Folder): Promise<ProjectCommand[]> {
  const scripts = scriptsOf(await folder.text('package.json'))
  const manager = await managerOf(folder)
  if (manager === null) return []
  const found: ProjectCommand[] = []
  for (const [kind, candidates] of names) {
    for (const name of candidates) {
      if (!(await runs(scripts[name], folder))) continue
      const run = manager === 'npm' && name === 'test' ? 'npm test' : `${manager} run ${name}`
      found.push({ kind, run, because: `the script ${name} in package.json` })
      break
    }
  }
  return found
}

function scriptsOf(text: string | null): Record<string, unknown> {
  if (text === null) return {}
  try {
    const { scripts } = JSON.parse(text) as { scripts?: unknown }
    return typeof scripts === 'object' && scripts !== null ? (scripts as Record<string, unknown>) : {}
  } catch {
    // No project of this kind, then: whoever writes it hears of it from his own tools.
    return {}
  }
}

/** By the lock file; npm runs the scripts of all of them. */
async function managerOf(folder: Folder): Promise<string | null> {
  for (const [lock, manager] of locks) {
    if ((await folder.has(lock)) && (await folder.program(manager))) return manager
  }
  return folder.program('npm')
}

/** Whether a script is more than npm's placeholder, ends by itself, and has all its programs. */
async function runs(script: unknown, folder: Folder): Promise<boolean> {
  if (typeof script !== 'string' || script.trim() === '' || script.length > 5_000) return false
  if (/no test specified/i.test(script) || endless.test(script)) return false
  for (const word of programsOf(script)) {
    if (!builtins.has(word) && !(await folder.packaged(word)) && !(await folder.program(word))) return false
  }
  return true
}

const builtins = new Set(['echo', 'exit', 'cd', 'test', 'true', 'false', 'export', 'set', 'if', 'for', '['])

/** The first word of each part of a line; what only a shell can resolve is taken for there. */
function programsOf(script: string): string[] {
  return script.split(/&&|\|\||[;|&\n]/).flatMap((part) => {
    const words = part.trim().split(/\s+/)
    const first = words.find((word) => !/^\w+=/.test(word)) ?? ''
    return /^[\w@.-]+$/.test(first) && !first.startsWith('.') ? [first] : []
  })
}
