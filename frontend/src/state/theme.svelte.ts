/** Dark, light, or whatever the system says; remembered in this browser only. */
import { keep } from './storage.ts'

export type Theme = 'system' | 'dark' | 'light'

const key = 'openloom.theme'
const order: Theme[] = ['system', 'dark', 'light']

class ThemeChoice {
  theme = $state<Theme>(order.find((theme) => theme === localStorage.getItem(key)) ?? 'system')

  start(): void {
    this.#show()
  }

  turn(): void {
    this.choose(order[(order.indexOf(this.theme) + 1) % order.length] ?? 'system')
  }

  choose(theme: Theme): void {
    this.theme = theme
    keep(key, this.theme)
    this.#show()
  }

  #show(): void {
    if (this.theme === 'system') delete document.documentElement.dataset['theme']
    else document.documentElement.dataset['theme'] = this.theme
  }
}

export const theme = new ThemeChoice()
