/** Keys as people expect them: j and k walk rows, / goes to the search, n begins a task. Enter is the link's own. */
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

/** Of a field that a person has just asked for: they go on typing in it. */
export const focus = (field: HTMLElement): void => field.focus()
