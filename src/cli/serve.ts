/** `openloom serve`: runs the daemon in the foreground and tells what happens, line by line. */

import type { LoadedConfig } from '../config.ts'
import type { LoomEvent } from '../core/event.ts'
import { ProblemError } from '../core/problem.ts'
import { type Daemon, isLoopback, startDaemon } from '../daemon.ts'
import { version } from '../lib/paths.ts'
import { exit } from './exit.ts'
import type { Shell } from './program.ts'
import { settingsHere } from './settings.ts'
import { lineOf, paint, print } from './terminal.ts'

export interface ServeOptions {
  host?: string
  port?: number
  allowRemote?: boolean
  json?: boolean
  quiet?: boolean
}

export async function serve(options: ServeOptions, shell: Shell): Promise<number> {
  const server = {
    ...(options.host ? { host: options.host } : {}),
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.allowRemote ? { allow_remote: true } : {}),
  }
  const loaded = await settingsHere(shell, { server })
  const tell = (event: LoomEvent) => {
    if (options.quiet) return
    const line = options.json ? JSON.stringify(event) : lineOf(event)
    if (line !== null) print(line)
  }
  const signals = hearSignals()
  const started = await startDaemon(loaded, { env: shell.env, onEvent: tell })
  if (!started.ok) throw new ProblemError(...started.problems)
  const daemon = started.value
  if (!options.json) {
    for (const line of greeting(daemon, loaded)) print(line)
    if (process.getuid?.() === 0)
      print(paint('yellow', 'Running as root: agents and checks run as root too. Use an ordinary user.'))
    if (!isLoopback(loaded.config.server.host))
      print(paint('yellow', 'Reachable from other machines: use TLS in front of it.'))
  }
  signals.obey((second) => void daemon.stop(second))
  await daemon.stopped
  return exit.ok
}

function greeting(daemon: Daemon, { config }: LoadedConfig): string[] {
  const lines = [
    `OpenLoom ${version} at ${paint('bold', daemon.url)}`,
    `Log in (once): ${daemon.loginUrl()}`,
    `Drop markdown into ${config.inbox.dir}`,
  ]
  if (!daemon.sampleFolder) return lines
  return [
    ...lines,
    '',
    paint('yellow', 'No model is configured: this is the sample, on a scripted model. No real agent is involved.'),
    `It works in ${daemon.sampleFolder}. For real work set OPENLOOM_BASE_URL, OPENLOOM_API_KEY and OPENLOOM_MODEL.`,
    '',
  ]
}

/**
 * The first SIGINT or SIGTERM drains, the second ends at once. Heard from the beginning: work that was found lying
 * there
 * may run before the start is over, and a daemon that dies by a signal would leave it behind.
 */
function hearSignals() {
  let count = 0
  let act: (second: boolean) => void = () => undefined
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      count++
      act(count > 1)
    })
  }
  return {
    obey(stop: (second: boolean) => void): void {
      act = stop
      if (count > 0) stop(count > 1)
    },
  }
}
