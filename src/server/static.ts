/** The dashboard's files, from the build. Read once into memory: a path of a request never reaches the file system. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import type { Context } from 'hono'
import { refusal, type Variables } from './context.ts'

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json',
  '.json': 'application/json',
}

/** What the page asks for first, by where it is opened: on its way while the page itself is still read. */
const firstAsked = (path: string): string => (['/', '/needs'].includes(path) ? '/api/home' : '/api/state')

interface Asset {
  body: Uint8Array<ArrayBuffer>
  type: string
  cache: string
}

/** Answers files of `dir`; any other page address gets index.html, so that every state of the page has its own. */
export function servePage(dir: string): (c: Context<Variables>) => Response {
  const assets = existsSync(dir) ? readAssets(dir) : new Map<string, Asset>()
  return (c) => {
    const path = new URL(c.req.url).pathname
    const asset = assets.get(path) ?? (extname(path) === '' ? assets.get('/index.html') : undefined)
    if (path.startsWith('/api/') || !asset) {
      const todo = assets.size === 0 ? 'The page is not built; run `npm run build`.' : 'See /api/openapi.json.'
      return refusal(c, 404, { kind: 'not-found', text: 'There is nothing at this address.', todo })
    }
    const headers: Record<string, string> = { 'content-type': asset.type, 'cache-control': asset.cache }
    if (extname(path) === '' && c.get('login')) {
      headers['link'] = `<${firstAsked(path)}>; rel=preload; as=fetch; crossorigin=anonymous`
    }
    return c.body(asset.body, 200, headers)
  }
}

function readAssets(dir: string): Map<string, Asset> {
  const found = new Map<string, Asset>()
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    const path = file.slice(dir.length).replaceAll('\\', '/')
    const hashed = path.startsWith('/assets/')
    found.set(path, {
      body: new Uint8Array(readFileSync(file)),
      type: types[extname(path)] ?? 'application/octet-stream',
      cache: hashed ? 'public, max-age=31536000, immutable' : 'no-cache',
    })
  }
  return found
}
