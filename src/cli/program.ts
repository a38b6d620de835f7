/** What every verb gets: the configuration, its environment, and one way to end. */
import { type LoadedConfig, loadConfig, type Project } from '../config.ts'
import { ProblemError } from '../core/problem.ts'
import type { Tree } from '../lib/layers.ts'

export interface Shell {
  env: NodeJS.ProcessEnv
  cwd: string
}

/** Throws the problems of the configuration; `--config` problems end with exit code 2 in main.ts. */
export function configOf({ env, cwd }: Shell, flags: Tree = {}, project: Project = 'own'): LoadedConfig {
  const loaded = loadConfig({ cwd, env, flags, project })
  if (!loaded.ok) throw new UsageError(...loaded.problems)
  return loaded.value
}

/** Wrong use: ends with exit code 2. */
export class UsageError extends ProblemError {}
