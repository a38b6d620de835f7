/**
 * The offline shell: the page's own files and nothing else. It never keeps, and never even sees an answer of, /api: what
 * is secret or true only now stays with the daemon.
 */
const shell = 'openloom-shell'
const index = '/'

/** Files whose name says their content; they never change. */
const isAsset = (url) => url.pathname.startsWith('/assets/')
const filesOf = (html) => [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path)

async function fontsOf(cache, file) {
  const css = (await (await cache.match(file))?.text()) ?? ''
  return [...new Set([...css.matchAll(/url\("?(\/assets\/[^")]+)"?\)/g)].map(([, path]) => path))]
}

self.addEventListener('install', (event) => event.waitUntil(keepShell().then(() => self.skipWaiting())))
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))
self.addEventListener('fetch', (event) => {
  const { request } = event
  const url = new URL(request.url)
  if (request.method !== 'GET' || url.origin !== self.location.origin) return
  if (request.mode === 'navigate' && !url.pathname.startsWith('/api/')) event.respondWith(page(event))
  else if (isAsset(url)) event.respondWith(asset(request))
})

async function keepShell() {
  const answer = await fetch(index, { cache: 'no-store' })
  if (!answer.ok) throw new Error(`the page was answered with ${answer.status}`)
  await keep(answer)
}

/** The daemon's page while it answers; a new version of it takes the place of the old one whole. */
async function page(event) {
  try {
    const answer = await fetch(event.request)
    if (answer.ok && answer.headers.get('content-type')?.startsWith('text/html')) event.waitUntil(keep(answer.clone()))
    return answer
  } catch (error) {
    const kept = await (await caches.open(shell)).match(index)
    if (kept) return kept
    throw error
  }
}

async function keep(answer) {
  const cache = await caches.open(shell)
  const html = await answer.clone().text()
  const before = await (await cache.match(index))?.text()
  if (before === html) return
  const files = filesOf(html)
  await cache.addAll(files)
  for (const file of files.filter((name) => name.endsWith('.css'))) {
    const fonts = await fontsOf(cache, file)
    await cache.addAll(fonts)
    files.push(...fonts)
  }
  // The page last, and what the old one needed only after it: whenever the daemon goes away, one of them is whole.
  const headers = new Headers(answer.headers)
  // What is to be asked of the daemon ahead of everything else cannot be asked while it is away.
  headers.delete('link')
  await cache.put(index, new Response(html, { headers }))
  const wanted = new Set([index, ...files])
  for (const request of await cache.keys()) {
    if (!wanted.has(new URL(request.url).pathname)) await cache.delete(request)
  }
}

async function asset(request) {
  const cache = await caches.open(shell)
  const kept = await cache.match(request)
  if (kept) return kept
  const answer = await fetch(request)
  if (answer.ok) await cache.put(request, answer.clone())
  return answer
}
