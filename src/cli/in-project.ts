/** Settles whose the openloom.yaml around a verb is before the verb begins. Costs nothing where there is none. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Shell } from './program.ts'

/** A project that was cloned does not say which daemon a verb talks to. */
export async function inProject<T>(shell: Shell, action: () => Promise<T>): Promise<T> {
  if (existsSync(join(shell.cwd, 'openloom.yaml'))) {
    shell.project = await (await import('./settings.ts')).projectHere(shell)
  }
  return action()
}
