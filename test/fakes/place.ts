/** A home, a folder to work in and a scripted model, for verbs of the built program that need no daemon. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import { type ScriptedModel, startScriptedModel } from '../../src/sample/scripted-model.ts'

export const program = new URL('../../dist/main.js', import.meta.url).pathname

export interface Place {
  model: ScriptedModel
  home: string
  work: string
  env: Record<string, string>
  /** What the last request said, as JSON. */
  last(): string
}

/** The replies in order, the last one again and again. */
export async function place(replies: readonly Record<string, unknown>[]): Promise<Place> {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'loom-place-')))
  const work = join(home, 'work')
  mkdirSync(work)
  const script = { replies, at_end: 'repeat' } as ScriptInput
  const model = await startScriptedModel({ script, clock: systemClock })
  onTestFinished(async () => {
    await model.close()
    rmSync(home, { recursive: true, force: true })
  })
  const env = {
    ...{ PATH: process.env.PATH ?? '', HOME: home, OPENLOOM_SAMPLE: 'off', OPENLOOM_SANDBOX_MODE: 'off' },
    ...{ OPENLOOM_BASE_URL: model.url, OPENLOOM_MODEL: 'scripted-model' },
  }
  return { model, home, work, env, last: () => JSON.stringify(model.requests.at(-1)?.body) }
}

/** The program with this on its standard input: what comes out, and the exit code. */
export async function piped({ work, env }: Place, args: readonly string[], input: string) {
  const child = spawn(process.execPath, [program, ...args], { cwd: work, env })
  onTestFinished(() => void child.kill('SIGKILL'))
  const text = { out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => {
    text.out += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    text.err += chunk.toString()
  })
  child.stdin.end(input)
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { ...text, code }
}
