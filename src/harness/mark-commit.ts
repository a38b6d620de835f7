/** Writes the verdict into the agent's commit, where the task asks for it: the history then names the receipt. */
import type { Task } from '../core/task.ts'
import { type Verdict, verdictText } from '../core/verdict.ts'
import { addTrailers } from '../lib/trailer.ts'
import type { World } from './world.ts'

/** After a task is done. Its event says what became of it; a commit that must stay as it is stays. */
export async function markCommit(task: Task, verdict: Verdict, world: World): Promise<void> {
  const wanted = task.spec.commit_trailer ?? world.settings.commitTrailer
  if (!wanted || !verdict.startsWith('verified')) return
  const receipt = world.store.receipts.of(task.id).at(-1)
  const trailers = [
    `OpenLoom-Task: ${task.id}`,
    `OpenLoom-Verdict: ${verdictText(verdict)}`,
    ...(receipt ? [`OpenLoom-Receipt: sha256:${receipt.digest}`] : []),
  ]
  const git = { cwd: task.workspace, env: world.env, owner: `${world.owner}/${task.id}/mark` }
  const why = await addTrailers(git, { baseCommit: task.baseCommit, trailers })
  const data = { trailers, left: why, text: why === null ? 'The commit names its verdict.' : `Not marked: ${why}.` }
  world.store.ledger.transact(() => world.store.ledger.emit({ type: 'commit.marked', taskId: task.id, data }))
}
