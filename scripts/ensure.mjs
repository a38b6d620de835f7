/** What start, test and check need before any package is there: the right Node, the locked packages, a fresh build. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

export function fail(text) {
  process.stderr.write(`${text}\n`)
  process.exit(1)
}

export function run(command, args, options = {}) {
  const windows = process.platform === 'win32'
  const done = spawnSync(command, args, { cwd: root, stdio: 'inherit', shell: windows, ...options })
  if (done.error) fail(`${command} could not be started: ${done.error.message}`)
  return done.status ?? 1
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  fail(
    `OpenLoom needs Node 20.19 or newer; this is ${process.versions.node}. Install a newer one from your package manager.`,
  )
}

/** Where Node brought its own headers, a driver that must be compiled needs no download. */
function headers() {
  const prefix = dirname(dirname(process.execPath))
  const shipped = existsSync(join(prefix, 'include', 'node', 'node_api.h'))
  return shipped && !process.env.npm_config_nodedir ? { npm_config_nodedir: prefix } : {}
}

const read = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : '')

/** `npm ci` when the lock file, the Node ABI or the platform is not the one that was installed for. */
export function ensurePackages() {
  checkNode()
  const stampFile = join(root, 'node_modules', '.openloom-stamp')
  const { platform, arch, versions } = process
  const stamp = createHash('sha256')
    .update([read(join(root, 'package-lock.json')), versions.modules, platform, arch].join('\n'))
    .digest('hex')
  if (read(stampFile) === stamp) return
  process.stderr.write('Installing the locked packages (once; the database driver may be compiled, about a minute) …\n')
  // Version 12 of the database driver, which Node 20 needs, can abort Node 22 and newer when it collects garbage; 13
  // brings its binaries along and runs on these only. The lock file can hold just one of them.
  const isNewer = Number(process.versions.node.split('.')[0]) >= 22
  install(['ci', ...(isNewer ? ['--ignore-scripts'] : [])])
  if (isNewer) install(['install', '--no-save', '--ignore-scripts', 'better-sqlite3@13.2.0'])
  writeFileSync(stampFile, stamp)
}

function install(given) {
  const npm = process.env.npm_execpath
  const args = [...given, '--no-fund', '--no-audit', '--loglevel=error']
  const env = { ...process.env, JOBS: process.env.JOBS ?? '4', ...headers() }
  const status = npm ? run(process.execPath, [npm, ...args], { env }) : run('npm', args, { env })
  if (status !== 0) fail('The packages could not be installed. See the lines above; then run the command again.')
}

function newest(path) {
  if (!existsSync(path)) return ''
  const stat = statSync(path)
  if (!stat.isDirectory()) return `${path}:${stat.mtimeMs}:${stat.size}`
  return readdirSync(path)
    .filter((name) => name !== 'node_modules')
    .sort()
    .map((name) => newest(join(path, name)))
    .join('\n')
}

/** Builds when a source changed since the last build. */
export async function ensureBuild() {
  const stampFile = join(root, 'dist', '.stamp')
  const inputs = ['src', 'frontend', 'scripts', 'package-lock.json'].map((name) => newest(join(root, name)))
  const stamp = createHash('sha256').update(inputs.join('\n')).digest('hex')
  if (read(stampFile) === stamp) return
  const { build } = await import('./build.mjs')
  await build()
  mkdirSync(dirname(stampFile), { recursive: true })
  writeFileSync(stampFile, stamp)
}
