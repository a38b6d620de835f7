/** Keys as people expect them: j and k walk rows, / goes to the search, n begins a task. Enter is the link's own. */

import { palette } from './palette.svelte.ts'
import { router } from './router.svelte.ts'

export const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLElement &&
  (target.isContentEditable || target.matches('textarea, select, input:not([type="checkbox"])'))

export function walkRows(event: KeyboardEvent): void {
  if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return
  if (event.key === '/') {
    const search = document.querySelector<HTMLInputElement>('[data-search]')
    if (!search) return
    event.preventDefault()
    search.focus()
    search.select()
    return
  }
  if (event.key === 'n') {
    event.preventDefault()
    router.go('/new')
    return
  }
  const step = { j: 1, k: -1 }[event.key]
  if (!step) return
  const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')]
  const at = rows.indexOf(document.activeElement as HTMLElement)
  const next = rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step))]
  next?.focus()
  next?.scrollIntoView({ block: 'nearest' })
}

/** ⌘K and Ctrl K wherever one is, ? where nobody writes. */
export function callPalette(event: KeyboardEvent): void {
  const isCalled = event.key.toLowerCase() === 'k' && (event.metaKey || event.ctrlKey) && !event.altKey
  if (!isCalled && (event.key !== '?' || isTyping(event.target))) return
  event.preventDefault()
  palette.open = isCalled ? 'palette' : 'keys'
}

/** A box that scrolls can be reached, and so scrolled, by keys; one that shows all of itself is no stop on the way. */
export function scrolls(box: HTMLElement): () => void {
  const look = () => {
    if (box.scrollHeight > box.clientHeight || box.scrollWidth > box.clientWidth) box.tabIndex = 0
    else box.removeAttribute('tabindex')
  }
  const observer = new ResizeObserver(look)
  observer.observe(box)
  return () => observer.disconnect()
}

/** Of a field that a person has just asked for: they go on typing in it. */
export const focus = (field: HTMLElement): void => field.focus()
