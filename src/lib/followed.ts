/** What is made of settings and made anew, in place, when they change: who reads it at each use has those of now. */

export class Followed<S> {
  private settings: S
  private readonly remakes: ((now: S) => () => void)[] = []

  constructor(settings: S) {
    this.settings = settings
  }

  get now(): S {
    return this.settings
  }

  follow<T extends object>(make: (now: S) => T): T {
    const value = make(this.settings)
    this.remakes.push((now) => {
      const next = make(now)
      return () => replace(value, next)
    })
    return value
  }

  /** All of it is made before any of it is taken: what throws changes nothing. */
  adopt(now: S): void {
    const takes = this.remakes.map((remake) => remake(now))
    this.settings = now
    for (const take of takes) take()
  }
}

function replace<T extends object>(value: T, next: T): void {
  if (Array.isArray(value)) {
    value.splice(0, value.length, ...(next as unknown as unknown[]))
    return
  }
  if (value instanceof Map) {
    value.clear()
    for (const [key, one] of next as unknown as Map<unknown, unknown>) value.set(key, one)
    return
  }
  for (const key of Object.keys(value)) if (!(key in next)) delete (value as Record<string, unknown>)[key]
  Object.assign(value, next)
}
