/** The page's one timer and one "now": the only file of the dashboard that touches the browser's clock. */

/** What an answer may be underway, and the second that its date is rounded to. */
const toleranceMs = 10_000

class PageClock {
  /** The daemon's time: a browser on another machine may be wrong by hours, and ages are told by it. */
  now = $state(Date.now())
  #aheadMs = 0

  /** Moves `now` once a second while the page can be seen, so that relative times and running bars stay true. */
  start(): void {
    setInterval(() => {
      if (!document.hidden) this.#tick()
    }, 1000)
    document.addEventListener('visibilitychange', () => this.#tick())
  }

  /** `date`: what the daemon's answer says that it is. */
  tell(date: string | null): void {
    const ms = Date.parse(date ?? '')
    if (Number.isNaN(ms)) return
    const aheadMs = Date.now() - ms
    this.#aheadMs = Math.abs(aheadMs) > toleranceMs ? aheadMs : 0
    this.#tick()
  }

  #tick(): void {
    this.now = Date.now() - this.#aheadMs
  }

  after(delayMs: number, fn: () => void): void {
    setTimeout(fn, delayMs)
  }
}

export const clock = new PageClock()
