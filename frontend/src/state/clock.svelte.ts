/** The page's one timer and one "now": the only file of the dashboard that touches the browser's clock. */

/** The second that a date is rounded to, and a little drift that nobody sees in an age. */
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

  /** To be called with the answer's date. What the answer was under way, however long, says nothing of the clock. */
  asking(): (date: string | null) => void {
    const askedAt = Date.now()
    return (date) => {
      const ms = Date.parse(date ?? '')
      if (Number.isNaN(ms)) return
      const wrong = ms < askedAt - toleranceMs || ms > Date.now() + toleranceMs
      this.#aheadMs = wrong ? Date.now() - ms : 0
      this.#tick()
    }
  }

  #tick(): void {
    this.now = Date.now() - this.#aheadMs
  }

  /** The page's next turn, also where nobody sees it: timers come late there. */
  turn(): Promise<void> {
    const { port1, port2 } = new MessageChannel()
    return new Promise((resolve) => {
      port1.onmessage = () => {
        port1.close()
        resolve()
      }
      port2.postMessage(null)
    })
  }

  after(delayMs: number, fn: () => void): void {
    setTimeout(fn, delayMs)
  }
}

export const clock = new PageClock()
