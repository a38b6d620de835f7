/** The stage of the first run: a temporary workspace, the scripted model, and the markdown file to drop. */
import { mkdir, mkdtemp, realpath, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { writeAtomic } from '../lib/files.ts'
import { sampleFiles, sampleMarkdown, sampleScript } from './sample.ts'
import { startScriptedModel } from './scripted-model.ts'

export interface Sample {
  /** Everything of the sample lies below it. */
  folder: string
  /** Real path. */
  workspace: string
  notificationsDir: string
  /** A `models.providers` entry. */
  provider: { kind: 'openai'; name: string; base_url: string; model: string }
  /** Drops the task into the inbox. */
  drop(inboxDir: string): Promise<void>
  close(): Promise<void>
}

export async function openSample(clock: Clock): Promise<Sample> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'openloom-sample-')))
  const workspace = join(folder, 'workspace')
  const notificationsDir = join(folder, 'notifications')
  await mkdir(workspace)
  await mkdir(notificationsDir)
  for (const [name, text] of Object.entries(sampleFiles)) await writeFile(join(workspace, name), text)
  const model = await startScriptedModel({ script: sampleScript, clock })
  return {
    folder,
    workspace,
    notificationsDir,
    provider: { kind: 'openai', name: 'scripted', base_url: model.url, model: 'scripted-model' },
    drop: (inboxDir) => writeAtomic(join(inboxDir, `sample-${clock.now()}.md`), sampleMarkdown(workspace)),
    close: () => model.close(),
  }
}
