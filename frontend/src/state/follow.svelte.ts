/** Keeps the end of a growing page in sight until the reader goes away from it. It scrolls; it knows nothing shown. */
import { clock } from './clock.svelte.ts'

const nearPx = 40
/** Between a click and what it shows. */
const heldMs = 250
/** A press ends with them, or was never told to end: a menu of the browser or another window has it. */
const lifts = ['pointerup', 'pointercancel', 'contextmenu', 'blur'] as const

export class Follow {
  /** The end is in sight, and shall stay there. */
  atEnd = $state(true)
  /** Nothing follows before the first place was found. */
  started = false
  #top = 0
  #height = 0
  /** A person folds or unfolds something: what they look at stays where it is. */
  #held = false
  /** What is pressed stays under the pointer: a click that ends on something else is none. */
  #pressed = false
  /** A wheel, a finger or a key, and not the page, which moves too when what is above gets its true height. */
  #byHand = false

  start(atEnd: boolean): void {
    this.started = true
    if (atEnd) this.toEnd()
    else this.atEnd = false
  }

  toEnd(): void {
    this.atEnd = true
    const page = document.documentElement
    scrollTo({ top: page.scrollHeight })
    this.#top = page.scrollTop
    this.#height = page.scrollHeight
  }

  /** Of the box whose height is the story. */
  readonly watch = (box: HTMLElement): (() => void) => {
    const observer = new ResizeObserver(() => this.#grow())
    const ears = new AbortController()
    const { signal } = ears
    const move = () => {
      this.#byHand = true
    }
    observer.observe(box)
    addEventListener('scroll', () => this.#look(), { passive: true, signal })
    for (const hand of ['wheel', 'touchmove', 'keydown']) addEventListener(hand, move, { passive: true, signal })
    box.addEventListener(
      'pointerdown',
      () => {
        this.#pressed = true
      },
      { capture: true, passive: true, signal },
    )
    for (const lift of lifts) addEventListener(lift, () => this.#release(), { capture: true, passive: true, signal })
    for (const fold of ['click', 'toggle']) box.addEventListener(fold, () => this.#hold(), { capture: true, signal })
    return () => {
      observer.disconnect()
      ears.abort()
    }
  }

  #grow(): void {
    if (this.started && this.atEnd && !this.#isStill) this.toEnd()
  }

  get #isStill(): boolean {
    return this.#held || this.#pressed
  }

  #release(): void {
    if (!this.#pressed) return
    this.#pressed = false
    this.#hold()
  }

  #hold(): void {
    if (this.#held) return
    this.#held = true
    clock.after(heldMs, () => {
      this.#held = false
      this.#look()
    })
  }

  /** A step up leaves the end, however small it is: a finger moves by pixels. */
  #look(): void {
    // That the page grew meanwhile is found when it moves again.
    if (this.#isStill && !this.#byHand) return
    const { scrollTop, scrollHeight, clientHeight } = document.documentElement
    const left = scrollHeight - scrollTop - clientHeight
    const isGrown = scrollHeight !== this.#height
    // Further than the page itself can have moved it: somebody did, be it by the bar or a key.
    const isUp = this.#top - scrollTop > (this.#byHand ? 1 : Math.abs(scrollHeight - this.#height) + 1)
    this.#top = scrollTop
    this.#height = scrollHeight
    this.#byHand = false
    if (!this.started) return
    if (left < nearPx && !(isUp && left > 4)) this.atEnd = true
    else if (isUp || !isGrown) this.atEnd = false
    else this.#grow()
  }
}
