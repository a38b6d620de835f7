/** What the workspace was when a task began: commit, and digests of the files that its checks will compare with. */
import type { TaskSpec } from '../core/spec.ts'
import { flattenChecks } from '../core/spec.ts'
import type { Task } from '../core/task.ts'
import { sha256OfFile } from '../lib/digest.ts'
import { errnoOf, realPathInside } from '../lib/files.ts'
import { headCommit } from '../lib/git.ts'
import type { World } from './world.ts'

export async function readBaseline(task: Task, world: World): Promise<Pick<Task, 'baseCommit' | 'baseline'>> {
  const { env, owner } = world
  const wantsCommit = flattenChecks(task.spec).some(({ spec }) => spec.kind.startsWith('git_'))
  const baseCommit = wantsCommit ? await headCommit({ cwd: task.workspace, env, owner: `${owner}/${task.id}` }) : null
  const baseline: Record<string, string | null> = {}
  for (const path of pathsOf(task.spec, world)) baseline[path] = await digestOf(task.workspace, path)
  return { baseCommit, baseline }
}

function pathsOf(spec: TaskSpec, world: World): Set<string> {
  const paths = flattenChecks(spec).flatMap(({ spec: check }) => {
    const checker = world.checkers.find((one) => one.kind === check.kind)
    return checker?.baseline(check) ?? []
  })
  return new Set(paths)
}

/** Null: there was no such file. */
async function digestOf(workspace: string, path: string): Promise<string | null> {
  const real = await realPathInside(workspace, path)
  if (real === null) return null
  try {
    return await sha256OfFile(real, AbortSignal.timeout(30_000))
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES'].includes(errnoOf(error))) return null
    throw error
  }
}
