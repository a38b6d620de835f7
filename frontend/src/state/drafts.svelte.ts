/** The task that is being written: kept in this browser until it is sent, whatever becomes of the page. */
import { emptyForm, type TaskForm } from '../model/task-text.ts'
import { orders } from './orders.svelte.ts'
import { router } from './router.svelte.ts'
import { keep, kept } from './storage.ts'

export interface Draft {
  text: string
  /** As fields; null: it is written as markdown. */
  form: TaskForm | null
  /** What stood there before another text took its place; empty: nothing. */
  before: string
  /** Under which it was sent, while nobody knows whether it came; empty: it was not. */
  key: string
}

const key = 'openloom.draft'
const fileBytesMax = 256 * 1024

class Drafts {
  /** Grows when another text took the place of the draft. */
  taken = $state(0)

  read(): Draft {
    const { text, form, before, key: sent } = kept(key) as Partial<Draft>
    const empty = emptyForm()
    // Fields that a newer page knows are empty in what an older one kept.
    const whole = form ? { ...empty, ...form, limits: { ...empty.limits, ...form.limits } } : null
    return { text: text ?? '', form: whole, before: before ?? '', key: sent ?? '' }
  }

  /** False: this browser keeps nothing. */
  keep(draft: Draft): boolean {
    return keep(key, JSON.stringify(draft))
  }

  drop(): void {
    localStorage.removeItem(key)
  }

  /** A file that was let go over the page becomes the draft; what was there is kept beside it. */
  async take(file: File): Promise<void> {
    if (file.size > fileBytesMax) {
      orders.say('danger', 'The file is larger than a task may be', 'At most 256 kB. Put the rest into the workspace.')
      return
    }
    const text = (await file.text()).replaceAll('\r\n', '\n')
    const old = this.read()
    this.keep({ text, form: null, before: old.text === text ? '' : old.text, key: '' })
    this.taken++
    router.go('/new')
  }
}

export const drafts = new Drafts()
