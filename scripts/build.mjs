/** Bundles the server (one file starts three times faster than its packages) and builds the page. */
import { chmodSync, cpSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root } from './ensure.mjs'

export const external = [
  /^node:/,
  'better-sqlite3',
  'pino',
  'playwright-core',
  'chrome-remote-interface',
  '@vscode/ripgrep',
  '@napi-rs/keyring',
]

/** The program can be started by its name. */
const banner = (chunk) => (chunk.isEntry ? '#!/usr/bin/env node' : '')

export async function build() {
  const startedAt = performance.now()
  const { rolldown } = await import('rolldown')
  const dist = join(root, 'dist')
  rmSync(dist, { recursive: true, force: true })
  mkdirSync(dist, { recursive: true })
  const bundle = await rolldown({
    input: { main: join(root, 'src/main.ts'), 'fork-server': join(root, 'src/lib/fork-server.ts') },
    platform: 'node',
    external,
    logLevel: 'warn',
    transform: { define: { 'process.env.NODE_ENV': '"production"' } },
  })
  await bundle.write({ dir: dist, format: 'esm', chunkFileNames: 'chunks/[name]-[hash].js', minify: false, banner })
  await bundle.close()
  chmodSync(join(dist, 'main.js'), 0o755)
  cpSync(join(root, 'src/store/migrations'), join(dist, 'migrations'), { recursive: true })
  if (existsSync(join(root, 'frontend/vite.config.ts'))) {
    const { build: buildPage } = await import('vite')
    await buildPage({
      configFile: join(root, 'frontend/vite.config.ts'),
      root: join(root, 'frontend'),
      logLevel: 'warn',
    })
  }
  process.stderr.write(`Built in ${((performance.now() - startedAt) / 1000).toFixed(1)} s.\n`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build()
