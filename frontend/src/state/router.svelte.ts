/** The address bar as state: links on the page change it without a reload, back and forward work. */
import { parseRoute, type Route } from '../model/routes.ts'

class Router {
  route = $state.raw<Route>(parseRoute(new URL(location.href)))

  start(): void {
    addEventListener('popstate', () => this.#read())
    document.addEventListener('click', (event) => this.#follow(event))
  }

  go(href: string, options: { replace?: boolean } = {}): void {
    if (options.replace) history.replaceState(null, '', href)
    else {
      history.pushState(null, '', href)
      scrollTo(0, 0)
    }
    this.#read()
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
