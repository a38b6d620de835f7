/** What the workspace was when a task began: commit, and digests of the files that its checks will compare with. */
import { checksOf, type Task } from '../core/task.ts'
import { digestInside } from '../lib/digest.ts'
import { headCommit } from '../lib/git.ts'
import type { World } from './world.ts'

const digestMs = 30_000

export async function readBaseline(task: Task, world: World): Promise<Pick<Task, 'baseCommit' | 'baseline'>> {
  const { env, owner } = world
  const baseCommit = await headCommit({ cwd: task.workspace, env, owner: `${owner}/${task.id}` })
  const baseline: Record<string, string | null> = {}
  for (const path of pathsOf(task, world)) {
    baseline[path] = await digestInside(task.workspace, path, AbortSignal.timeout(digestMs))
  }
  return { baseCommit, baseline }
}

function pathsOf(task: Task, world: World): Set<string> {
  const paths = checksOf(task).flatMap(({ spec: check }) => {
    const checker = world.checkers.find((one) => one.kind === check.kind)
    return checker?.baseline(check) ?? []
  })
  return new Set(paths)
}
