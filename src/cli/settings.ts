/** Whether the openloom.yaml of this folder counts: it may be a stranger's, who names addresses and loosens rules. */
import { join } from 'node:path'
import { type LoadedConfig, realOr } from '../config.ts'
import { exists } from '../lib/files.ts'
import { hasRepository } from '../lib/git.ts'
import type { Tree } from '../lib/layers.ts'
import { packageRoot } from '../lib/paths.ts'
import { readProjectSettings } from '../lib/project/settings.ts'
import { configOf, type Shell } from './program.ts'
import { printProblems } from './terminal.ts'

/** For work in this very folder, whoever made it: its settings count once a person took them. */
export async function settingsFor(shell: Shell, flags: Tree = {}): Promise<LoadedConfig> {
  const own = configOf(shell, flags, 'foreign')
  const brought = await readProjectSettings(shell.cwd)
  if (brought === null) return own
  const { acceptedSettings } = await import('./runner.ts')
  if ((await acceptedSettings(own, shell.cwd)) === brought.sha256) return configOf(shell, flags, 'accepted')
  const todo = 'Look at it, then say `openloom trust` here.'
  printProblems([{ kind: 'settings-ignored', text: 'The settings in ./openloom.yaml are not taken.', todo }])
  return own
}

/**
 * For the daemon, and for who looks after it: a folder of no repository, and that of the program itself, are the
 * person's own. What came with a repository counts once it was taken.
 */
export async function settingsHere(shell: Shell, flags: Tree = {}): Promise<LoadedConfig> {
  const isThere = await exists(join(shell.cwd, 'openloom.yaml'))
  if (!isThere || realOr(shell.cwd) === realOr(packageRoot) || !(await hasRepository(shell.cwd))) {
    return configOf(shell, flags)
  }
  return (await readProjectSettings(shell.cwd)) === null ? configOf(shell, flags) : settingsFor(shell, flags)
}
