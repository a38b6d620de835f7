/** Whether the openloom.yaml of this folder counts: it may be a stranger's, who names addresses and loosens rules. */
import { join } from 'node:path'
import { type LoadedConfig, type Project, realOr } from '../config.ts'
import { exists } from '../lib/files.ts'
import { hasRepository } from '../lib/git.ts'
import type { Tree } from '../lib/layers.ts'
import { packageRoot } from '../lib/paths.ts'
import { type ProjectSettings, readProjectSettings } from '../lib/project/settings.ts'
import { configOf, type Shell } from './program.ts'
import { printProblems } from './terminal.ts'

/** For work in this very folder, whoever made it: its settings count once a person took them. */
export async function settingsFor(shell: Shell, flags: Tree = {}): Promise<LoadedConfig> {
  const brought = await readProjectSettings(shell.cwd)
  return brought === null ? configOf(shell, flags, 'foreign') : told(shell, flags, await standingOf(shell, brought))
}

/** For the daemon, and for who looks after it. */
export async function settingsHere(shell: Shell, flags: Tree = {}): Promise<LoadedConfig> {
  return told(shell, flags, shell.project ?? (await projectHere(shell)))
}

/**
 * Whose the openloom.yaml of this folder is. A folder of no repository, and that of the program itself, are the
 * person's own; what came with a repository counts once it was taken, and names no daemon to talk to before.
 */
export async function projectHere(shell: Shell): Promise<Project> {
  const isThere = await exists(join(shell.cwd, 'openloom.yaml'))
  if (!isThere || realOr(shell.cwd) === realOr(packageRoot) || !(await hasRepository(shell.cwd))) return 'own'
  const brought = await readProjectSettings(shell.cwd)
  return brought === null ? 'own' : standingOf(shell, brought)
}

async function standingOf(shell: Shell, { sha256 }: ProjectSettings): Promise<Project> {
  const { acceptedSettings } = await import('./runner.ts')
  return (await acceptedSettings(configOf(shell, {}, 'foreign'), shell.cwd)) === sha256 ? 'accepted' : 'foreign'
}

function told(shell: Shell, flags: Tree, project: Project): LoadedConfig {
  const loaded = configOf(shell, flags, project)
  if (project === 'foreign') {
    const todo = 'Look at it, then say `openloom trust` here.'
    printProblems([{ kind: 'settings-ignored', text: 'The settings in ./openloom.yaml are not taken.', todo }])
  }
  return loaded
}
