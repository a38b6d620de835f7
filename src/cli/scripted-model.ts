/** `openloom scripted-model FILE`: serves a script as an OpenAI-compatible model, for tests and demonstrations. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { systemClock } from '../core/clock.ts'
import type { ScriptInput } from '../sample/script.ts'
import { startScriptedModel } from '../sample/scripted-model.ts'
import { exit } from './exit.ts'
import { type Shell, UsageError } from './program.ts'
import { print } from './terminal.ts'

export interface ScriptedModelOptions {
  port?: number
  log?: string
}

export async function scriptedModel(file: string, options: ScriptedModelOptions, shell: Shell): Promise<number> {
  const model = await startScriptedModel({
    script: readScript(resolve(shell.cwd, file)),
    clock: systemClock,
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.log ? { logPath: resolve(shell.cwd, options.log) } : {}),
  })
  print(`Scripted model (no real model is behind it) at ${model.url}`)
  await new Promise<void>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => done())
  })
  await model.close()
  return exit.ok
}

function readScript(path: string): ScriptInput {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ScriptInput
  } catch (error) {
    const text = `${path} cannot be read as JSON: ${error instanceof Error ? error.message : String(error)}.`
    throw new UsageError({ kind: 'bad-script', text, todo: 'The format is in docs/guide/scripted-model.md.' })
  }
}
