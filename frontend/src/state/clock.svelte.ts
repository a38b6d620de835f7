/** The page's one timer and one "now": the only file of the dashboard that touches the browser's clock. */

class PageClock {
  now = $state(Date.now())

  /** Moves `now` once a second while the page can be seen, so that relative times and running bars stay true. */
  start(): void {
    setInterval(() => {
      if (!document.hidden) this.now = Date.now()
    }, 1000)
    document.addEventListener('visibilitychange', () => {
      this.now = Date.now()
    })
  }

  after(delayMs: number, fn: () => void): void {
    setTimeout(fn, delayMs)
  }
}

export const clock = new PageClock()
