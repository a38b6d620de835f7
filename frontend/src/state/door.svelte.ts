/** Whether this browser is signed in, and the API that finds out. */
import { Api } from '../api.ts'
import { clock } from './clock.svelte.ts'

class Door {
  signedOut = $state(false)
  /** Something that was to be shown could not be read while the daemon was away. */
  missed = false
}

export const door = new Door()

export const api = new Api(
  () => {
    door.signedOut = true
  },
  () => {
    door.missed = true
  },
  () => clock.asking(),
)
