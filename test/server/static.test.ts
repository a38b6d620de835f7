/** The page's files: whole, typed, cached by their name, and never a path of the disk. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Hono } from 'hono'
import { expect, it, onTestFinished } from 'vitest'
import { servePage } from '../../src/server/static.ts'

function built(files: Record<string, string>): (path: string) => Promise<Response> {
  const folder = mkdtempSync(join(tmpdir(), 'loom-page-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'web', 'assets'), { recursive: true })
  writeFileSync(join(folder, 'secret.html'), 'secret')
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'web', name), text)
  const app = new Hono().get('*', servePage(join(folder, 'web')))
  return async (path) => app.request(path)
}

const page = { 'index.html': '<p>page', 'assets/app-1.js': 'run()', 'icon.svg': '<svg/>' }

it('answers its files with type and cache', async () => {
  const get = built(page)
  const script = await get('/assets/app-1.js')
  expect(await script.text()).toBe('run()')
  expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
  expect(script.headers.get('cache-control')).toContain('immutable')
  const icon = await get('/icon.svg')
  expect(icon.headers.get('content-type')).toBe('image/svg+xml')
  expect(icon.headers.get('cache-control')).toBe('no-cache')
})

it('answers every address of the page with the page, and no missing file with it', async () => {
  const get = built(page)
  for (const path of ['/index.html', '/tasks/t_1', '/anything']) expect(await (await get(path)).text()).toBe('<p>page')
  for (const path of ['/assets/old.js', '/missing.css', '/api/nothing']) expect((await get(path)).status).toBe(404)
})

it('knows no file beside its own', async () => {
  const get = built(page)
  for (const path of ['/../secret.html', '/%2e%2e/secret.html', '/..%2fsecret.html', '/assets/../../secret.html']) {
    expect(await (await get(path)).text(), path).not.toBe('secret')
  }
})

it('says that the page is not built', async () => {
  const answer = await built({})('/')
  expect(answer.status).toBe(404)
  expect(await answer.text()).toContain('npm run build')
})
