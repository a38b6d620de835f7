/** Where what is asked belongs: to which session at the top, to which task, to which folder. Reads only. */
import { relative, sep } from 'node:path'
import type { PendingAsk } from '../core/ask.ts'
import { isInside } from '../lib/files.ts'
import type { AskPlace } from '../store/asks.ts'
import type { World } from './world.ts'

type AskWorld = Pick<World, 'store' | 'clock' | 'isolation'>

export function placeOf(
  runtime: string,
  { sessionId, scope }: Pick<PendingAsk, 'sessionId' | 'scope'>,
  world: AskWorld,
): AskPlace {
  const { watched } = world.store
  const session = watched.get(sessionId)
  if (!session || session.runtime !== runtime) return { rootId: sessionId, taskId: null, workspace: scope }
  const root = watched.rootOf(session)
  const taskId = watched.taskAt(root, world.clock.now())
  return { rootId: root.id, taskId, workspace: originOf(session.workspace || scope, world) }
}

/** What a person allows in a worktree is allowed in the project that it belongs to, and the other way round. */
function originOf(workspace: string, { store, isolation }: AskWorld): string {
  if (!isInside(isolation.dir, workspace)) return workspace
  const [id = ''] = relative(isolation.dir, workspace).split(sep)
  return store.tasks.get(id)?.isolation?.origin ?? workspace
}

export function titleOf(sessionId: string, { store: { watched } }: AskWorld): string {
  const session = watched.get(sessionId)
  return session ? watched.rootOf(session).title : ''
}
