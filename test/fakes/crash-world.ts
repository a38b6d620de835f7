/** A host of the built-in runtime in a process of its own that a test kills at a failpoint, and starts again. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import type { TestContext } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import type { JournalEntry } from '../../src/core/session.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import { startScriptedModel } from '../../src/sample/scripted-model.ts'
import { FileJournal } from './file-journal.ts'

const root = new URL('../..', import.meta.url).pathname
const bundle = join(root, `dist/test/crash-child-${process.pid}.mjs`)

/** Before the first world; gives the way to take it away again. */
export async function buildCrashChild(): Promise<() => Promise<void>> {
  const build = await rolldown({
    input: join(root, 'test/fakes/crash-child.ts'),
    platform: 'node',
    external: ['@vscode/ripgrep'],
  })
  await build.write({ file: bundle, codeSplitting: false })
  return () => rm(bundle, { force: true })
}

/** `act` is what a person does in a life of the host (see crash-child.ts). */
export async function crashWorld(onTestFinished: TestContext['onTestFinished'], script: ScriptInput, provider = {}) {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'crash-')))
  const workspace = join(folder, 'project')
  await mkdir(workspace)
  await writeFile(join(workspace, 'a'), 'one\n')
  await writeFile(join(workspace, 'count'), '')
  const model = await startScriptedModel({ script, clock: systemClock })
  onTestFinished(async () => {
    await model.close()
    await rm(folder, { recursive: true })
  })
  const journalPath = join(folder, 'journal')
  const host = (failpoint: string, act = '') =>
    new Promise<{ signal: string | null; out: string }>((resolve) => {
      const args = [
        bundle,
        journalPath,
        workspace,
        join(folder, 'outputs'),
        model.url,
        JSON.stringify({ provider, act }),
      ]
      const env = { ...process.env, OPENLOOM_FAILPOINT: failpoint }
      const child = execFile(process.execPath, args, { env, timeout: 15_000 }, (_error, out) => {
        resolve({ signal: child.signalCode, out })
      })
    })
  const entries = (): JournalEntry[] => {
    const journal = new FileJournal(journalPath, systemClock)
    const session = journal.sessionOfTask('t1')
    journal.close()
    return session ? journal.entries(session.id).map((row) => row.entry) : []
  }
  return { host, entries, requests: model.requests, count: () => readFile(join(workspace, 'count'), 'utf8'), workspace }
}
