/**
 * Installed packages of a work tree, put within reach of a clean checkout by links: copied they would cost minutes, and
 * without them nothing would run. A link that stays inside the tree is made again, so that it leads into the checkout.
 */
import type { Dirent } from 'node:fs'
import { mkdir, readdir, readlink, rm, symlink } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { dependencyFolders, type ResultEntry } from './result.ts'
import { lookAt } from './tree.ts'

const placesMax = 200
const linksMax = 20_000
/** What else begins with a dot are caches, which a check may write to. */
const dotNames = ['.bin', '.pnpm', '.modules.yaml', '.package-lock.json', '.yarn-integrity']

export class Dependencies {
  private readonly from: string
  private readonly to: string
  private linked = new Map<string, string>()

  constructor(from: string, to: string) {
    this.from = from
    this.to = to
  }

  /** Where such folders lie now that are no part of the result: relative paths. */
  find(entries: readonly Pick<ResultEntry, 'path'>[]): string[] {
    const places = new Set(['.'])
    const tracked = new Set<string>()
    for (const { path } of entries) {
      if (path.endsWith('/package.json') && places.size < placesMax) places.add(dirname(path))
      for (const name of dependencyFolders) {
        const at = `/${path}`.indexOf(`/${name}/`)
        if (at >= 0) tracked.add(path.slice(0, at + name.length))
      }
    }
    const paths = [...places].flatMap((place) => dependencyFolders.map((name) => join(place, name)))
    return paths.filter((path) => !tracked.has(path) && lookAt(join(this.from, path))?.kind === 'folder')
  }

  /** After the checkout was brought up to date. */
  async link(paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      const mark = await this.markOf(path)
      if (this.linked.get(path) === mark && lookAt(join(this.to, path))) continue
      await rm(join(this.to, path), { recursive: true, force: true })
      await mkdir(dirname(join(this.to, path)), { recursive: true })
      if (path.endsWith('node_modules')) await this.linkPackages(path, { left: linksMax })
      else await symlink(join(this.from, path), join(this.to, path))
      this.linked.set(path, mark)
    }
  }

  /** Of the folder and of those inside whose entries are linked one by one: each changes without the others. */
  private async markOf(path: string): Promise<string> {
    const folder = join(this.from, path)
    const own = lookAt(folder)?.mark ?? ''
    if (!path.endsWith('node_modules')) return own
    const names = (await readdir(folder)).filter((name) => name.startsWith('@') || name === '.bin')
    return [own, ...names.map((name) => lookAt(join(folder, name))?.mark)].join(' ')
  }

  forget(): void {
    this.linked = new Map()
  }

  private async linkPackages(folder: string, count: { left: number }): Promise<void> {
    await mkdir(join(this.to, folder))
    for (const entry of await readdir(join(this.from, folder), { withFileTypes: true })) {
      if (entry.name.startsWith('.') && !dotNames.includes(entry.name)) continue
      if (count.left-- <= 0) return
      const path = join(folder, entry.name)
      if (entry.isDirectory() && (entry.name.startsWith('@') || entry.name === '.bin')) {
        await this.linkPackages(path, count)
      } else await symlink(await this.targetOf(path, entry), join(this.to, path))
    }
  }

  private async targetOf(path: string, entry: Dirent): Promise<string> {
    const whole = join(this.from, path)
    if (!entry.isSymbolicLink()) return whole
    const target = await readlink(whole)
    return isAbsolute(target) ? whole : target
  }
}
