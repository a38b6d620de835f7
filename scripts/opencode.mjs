/** Brings the real OpenCode, one exact version, into a cache folder outside the tree; never into node_modules. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

export const version = '1.18.33'

const folder =
  process.env.OPENLOOM_REAL_CACHE ||
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'openloom-real', `opencode-ai-${version}`)
const staleMs = 60 * 60 * 1000

/**
 * The package that holds the binary for this machine. `opencode-ai` only links to one of these, by an install script
 * that npm may be told to leave out.
 */
function platformPackage() {
  const { platform, arch } = process
  const linux = platform === 'linux'
  const isMusl = linux && !process.report.getReport().header.glibcVersionRuntime
  const hasAvx2 = linux && /\bavx2\b/.test(readFileSync('/proc/cpuinfo', 'utf8'))
  const base = `opencode-${platform === 'win32' ? 'windows' : platform}-${arch}`
  return `${base}${arch === 'x64' && !hasAvx2 ? '-baseline' : ''}${isMusl ? '-musl' : ''}`
}

const binaryIn = (place) =>
  join(place, 'node_modules', platformPackage(), 'bin', process.platform === 'win32' ? 'opencode.exe' : 'opencode')

/** The binary where it is installed already, else null. */
export function installedOpencode() {
  const binary = binaryIn(folder)
  return existsSync(binary) ? binary : null
}

/** The binary, installed if need be (about 190 MB on disk), or the reason why there is none. */
export function ensureOpencode() {
  const there = installedOpencode()
  if (there) return { binary: there }
  process.stderr.write(`Installing OpenCode ${version} for the real suite (once, about 190 MB) into ${folder} …\n`)
  mkdirSync(dirname(folder), { recursive: true })
  sweep()
  // Installed aside and renamed: whoever comes at the same time sees all of it or nothing, and a cut leaves nothing.
  const aside = mkdtempSync(`${folder}.part-`)
  try {
    const reason = install(aside)
    if (reason) return { reason }
    if (!installedOpencode()) place(aside)
    return { binary: binaryIn(folder) }
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
}

/** What a killed installation left beside. */
function sweep() {
  for (const name of readdirSync(dirname(folder))) {
    const path = join(dirname(folder), name)
    if (!path.startsWith(`${folder}.part-`)) continue
    if (Date.now() - statSync(path).mtimeMs > staleMs) rmSync(path, { recursive: true, force: true })
  }
}

function install(aside) {
  const packages = ['opencode-ai', platformPackage()].map((name) => `${name}@${version}`)
  const options = ['--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund', '--loglevel=error']
  const args = ['install', '--prefix', aside, ...options, ...packages]
  const npm = process.env.npm_execpath
  const [command, given] = npm ? [process.execPath, [npm, ...args]] : ['npm', args]
  const done = spawnSync(command, given, { encoding: 'utf8', timeout: 600_000, shell: process.platform === 'win32' })
  if (done.status !== 0)
    return (done.error?.message ?? done.stderr.trim().split('\n').slice(-5).join('\n')) || 'npm failed'
  const told = spawnSync(binaryIn(aside), ['--version'], { encoding: 'utf8', timeout: 60_000, env: {} })
  if (told.stdout?.trim() === version) return null
  return `the installed binary does not run: ${told.error?.message ?? told.stderr.trim().slice(-500)}`
}

function place(aside) {
  try {
    renameSync(aside, folder)
  } catch {
    // Another installation was quicker, and its result is as good; or something broken is in the way.
    if (installedOpencode()) return
    rmSync(folder, { recursive: true, force: true })
    renameSync(aside, folder)
  }
}

if (process.argv[1]?.endsWith('opencode.mjs')) {
  const { binary, reason } = ensureOpencode()
  process.stdout.write(binary ? `${binary}\n` : '')
  process.stderr.write(reason ? `OpenCode ${version} could not be installed: ${reason}\n` : '')
  process.exit(binary ? 0 : 1)
}
