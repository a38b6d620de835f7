/** A text on its way to the clipboard: says for a moment that it is there, or tells why the browser refused. */
import { clock } from './clock.svelte.ts'
import { orders } from './orders.svelte.ts'

const saidMs = 1500

export class Copied {
  now = $state(false)

  async take(text: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text)
    } catch (error) {
      orders.say('danger', 'The browser did not let us copy', error instanceof Error ? error.message : String(error))
      return
    }
    this.now = true
    clock.after(saidMs, () => {
      this.now = false
    })
  }
}
