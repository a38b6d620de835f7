/** The address bar as state: links on the page change it without a reload, back and forward work. */
import { parseRoute, type Route } from '../model/routes.ts'
import { clock } from './clock.svelte.ts'

/** As long may a view take to be as high as it was. */
const settleMs = 3_000
const entriesMax = 200

/** The name of this entry of the history; 0 where nobody gave it one. */
function entryNow(): number {
  const state = history.state as { entry?: unknown } | null
  return typeof state?.entry === 'number' ? state.entry : 0
}

class Router {
  route = $state.raw<Route>(parseRoute(new URL(location.href)))

  /** How far down the page stood, by entry of the history. */
  readonly #tops = new Map<number, number>()
  #entry = entryNow()
  #settled: () => void = () => undefined

  start(): void {
    addEventListener('popstate', () => this.#goBack())
    // A reload is the browser's own.
    addEventListener('pagehide', () => {
      history.scrollRestoration = 'auto'
    })
    document.addEventListener('click', (event) => this.#follow(event))
  }

  go(href: string, options: { replace?: boolean } = {}): void {
    this.#settled()
    if (options.replace) history.replaceState(history.state, '', href)
    else {
      this.#leave()
      this.#entry = Math.random()
      history.pushState({ entry: this.#entry }, '', href)
      scrollTo(0, 0)
    }
    this.#read()
  }

  #goBack(): void {
    this.#settled()
    this.#leave()
    this.#entry = entryNow()
    this.#read()
    // A talk finds its own place.
    if (this.route.name !== 'session') this.#settle(this.#tops.get(this.#entry) ?? 0)
  }

  #leave(): void {
    history.scrollRestoration = 'manual'
    this.#tops.set(this.#entry, scrollY)
    const [oldest] = this.#tops.keys()
    if (this.#tops.size > entriesMax && oldest !== undefined) this.#tops.delete(oldest)
  }

  /** What a view shows is read first: until it is high enough, or somebody scrolls, each growth is followed. */
  #settle(top: number): void {
    const ears = new AbortController()
    const observer = new ResizeObserver(() => {
      scrollTo(0, top)
      if (Math.abs(scrollY - top) < 2) this.#settled()
    })
    this.#settled = () => {
      ears.abort()
      observer.disconnect()
    }
    const { signal } = ears
    for (const type of ['wheel', 'touchstart', 'pointerdown', 'keydown']) {
      addEventListener(type, this.#settled, { signal, passive: true })
    }
    clock.after(settleMs, this.#settled)
    observer.observe(document.body)
  }

  #read(): void {
    this.route = parseRoute(new URL(location.href))
  }

  #follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return
    const link = event.target instanceof Element ? event.target.closest('a') : null
    if (!link || link.origin !== location.origin || link.target || link.hasAttribute('download')) return
    event.preventDefault()
    if (link.href === location.href) return
    this.go(link.href)
    // The link may be gone with its view; readers go on at the top of the new one.
    document.getElementById('main')?.focus({ preventScroll: true })
  }
}

export const router = new Router()
