/**
 * `openloom chat`: a conversation with the built-in agent in a folder, without a daemon. The first prompt is there at
 * once.
 */
import { realpathSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { exit } from './exit.ts'
import type { Shell } from './program.ts'
import { paint } from './terminal.ts'

export interface ChatFlags {
  agent?: string
  model?: string
  session?: string
  continue?: boolean
  allow?: string[]
  deny?: string[]
}

export async function chat(folder: string | undefined, flags: ChatFlags, shell: Shell): Promise<number> {
  // What follows takes a moment to load; what is typed meanwhile waits in the terminal.
  if (process.stdin.isTTY && process.stdout.isTTY) {
    process.stdout.write(`${paint('dim', 'openloom chat. /help shows what there is; Ctrl-C stops a run.')}\n› `)
  }
  const [{ Conversation }, { History }, { settingsFor }, { openRunner }, { ProblemError }, { openModelDesk }] =
    await Promise.all([
      import('./chat/chat.ts'),
      import('./chat/history.ts'),
      import('./settings.ts'),
      import('./runner.ts'),
      import('../core/problem.ts'),
      import('../parts.ts'),
    ])
  const workspace = realpathSync(resolve(shell.cwd, folder ?? '.'))
  const loaded = await settingsFor({ ...shell, cwd: workspace })
  const { allow = [], deny = [], agent = null, model = null, session = null } = flags
  const talk = new Conversation({
    ...{ workspace, agent, model, session, env: shell.env, continues: flags.continue ?? false },
    namedModel: (wanted) => openModelDesk(loaded, shell.env).named(wanted),
    history: new History(join(loaded.config.data_dir, 'chat-history')),
    async open() {
      const opened = await openRunner(loaded, { env: shell.env, allow, deny, stepsMax: null, attended: true })
      if (!opened.ok) throw new ProblemError(...opened.problems)
      return opened.value
    },
  })
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, () => talk.end())
  await talk.talk()
  return exit.ok
}
