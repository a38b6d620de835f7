/** `openloom merge|keep|drop`: what becomes of the worktree of an ended task. Says what was done and how to undo it. */
import type { IsolationAnswer } from '../server/api.ts'
import { requireDaemon } from './client.ts'
import { exit } from './exit.ts'
import { configOf, type Shell } from './program.ts'
import { print, printJson, safe } from './terminal.ts'

export interface IsolationOptions {
  ignored?: boolean
  json?: boolean
}

export async function endWorktree(
  end: string,
  id: string,
  { options, shell }: { options: IsolationOptions; shell: Shell },
): Promise<number> {
  const client = requireDaemon(configOf(shell), shell.env)
  const body = { ignored: options.ignored ?? false }
  const answer = await client.post<IsolationAnswer>(`/api/tasks/${encodeURIComponent(id)}/${end}`, body)
  if (options.json) printJson(answer)
  else print(safe(answer.text))
  return exit.ok
}
