/** What the build must be, whatever the page shows: small, whole, and fit for a strict CSP. */
import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { root } from './page.ts'

const web = `${root}dist/web/`
const names = readdirSync(`${web}assets`)
const read = (name: string) => readFileSync(`${web}assets/${name}`)

describe('the built page', () => {
  it('needs at most 60 kB of script, gzipped, for its first view', () => {
    const html = readFileSync(`${web}index.html`, 'utf8')
    const scripts = [...html.matchAll(/(?:src|href)="\/assets\/([^"]+\.js)"/g)].map(([, name]) => name ?? '')
    for (const name of scripts) {
      const needs = [
        ...read(name)
          .toString()
          .matchAll(/(?:from|import)\s*["']\.\/([\w.-]+\.js)["']/g),
      ]
      for (const [, needed = ''] of needs) if (!scripts.includes(needed)) scripts.push(needed)
    }
    expect(scripts.length).toBeGreaterThan(0)
    const total = scripts.reduce((sum, name) => sum + gzipSync(read(name)).length, 0)
    expect(total).toBeLessThanOrEqual(60_000)
  })
  it('loads the view of a session when it is first looked at', () => {
    const [view, ...more] = names.filter((name) => /^SessionPage-.*\.js$/.test(name))
    expect(more).toEqual([])
    expect(gzipSync(read(view ?? '')).length).toBeLessThanOrEqual(40_000)
    expect(readFileSync(`${web}index.html`, 'utf8')).not.toContain(view)
  })
  it('has no inline script, style or handler, and asks nobody else for anything', () => {
    const html = readFileSync(`${web}index.html`, 'utf8')
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?:\/\//)
    for (const name of names.filter((n) => n.endsWith('.css'))) {
      expect(read(name).toString()).not.toMatch(/url\((?!\/assets\/)|@import/)
    }
  })
  it('brings both of its fonts, named by their content', () => {
    expect(
      names.filter((name) => /^(inter|jetbrains-mono)-latin-wght-normal-[\w-]{8}\.woff2$/.test(name)),
    ).toHaveLength(2)
  })
})
