/** The page's files: whole, typed, cached by their name, and never a path of the disk. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Hono } from 'hono'
import { expect, it, onTestFinished } from 'vitest'
import type { Variables } from '../../src/server/context.ts'
import { servePage } from '../../src/server/static.ts'

function built(files: Record<string, string>, login: string | null = null): (path: string) => Promise<Response> {
  const folder = mkdtempSync(join(tmpdir(), 'loom-page-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'web', 'assets'), { recursive: true })
  writeFileSync(join(folder, 'secret.html'), 'secret')
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'web', name), text)
  const app = new Hono<Variables>()
  app.use(async (c, next) => {
    c.set('login', login)
    await next()
  })
  app.get('*', servePage(join(folder, 'web')))
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

it('has a browser that is signed in ask for its first view while it still reads the page, and no other', async () => {
  const links = async (login: string | null, ...paths: string[]) => {
    const get = built(page, login)
    return Promise.all(paths.map(async (path) => (await get(path)).headers.get('link')?.split(';')[0]))
  }
  expect(await links('digest', '/', '/needs', '/sessions/s_1')).toEqual(['</api/home>', '</api/home>', '</api/state>'])
  expect(await links('digest', '/icon.svg', '/assets/app-1.js')).toEqual([undefined, undefined])
  expect(await links(null, '/', '/tasks')).toEqual([undefined, undefined])
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
