/** What every verb gets: the configuration, its environment, and one way to end. */
import { type LoadedConfig, loadConfig, type Project } from '../config.ts'
import { ProblemError } from '../core/problem.ts'
import type { Tree } from '../lib/layers.ts'

export interface Shell {
  env: NodeJS.ProcessEnv
  cwd: string
  /** Whose the openloom.yaml of `cwd` is; absent: the person's own. */
  project?: Project
}

/** Throws the problems of the configuration; `--config` problems end with exit code 2 in main.ts. */
export function configOf(shell: Shell, flags: Tree = {}, project = shell.project ?? 'own'): LoadedConfig {
  const { env, cwd } = shell
  const loaded = loadConfig({ cwd, env, flags, project })
  if (!loaded.ok) throw new UsageError(...loaded.problems)
  return loaded.value
}

/** Wrong use: ends with exit code 2. */
export class UsageError extends ProblemError {}
