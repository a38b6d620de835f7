/** Where the product itself lies, whether bundled in dist/ or run from src/ by the tests. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  for (;;) {
    if (existsSync(join(folder, 'package.json'))) return folder
    const parent = dirname(folder)
    if (parent === folder) throw new Error('package.json of openloom not found above the program')
    folder = parent
  }
}

/** Folder of the package's package.json. */
export const packageRoot = findRoot()

const built = join(packageRoot, 'dist', 'migrations')
export const migrationsDir = existsSync(built) ? built : join(packageRoot, 'src', 'store', 'migrations')
export const webDir = join(packageRoot, 'dist', 'web')

export const version: string = (
  JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }
).version
