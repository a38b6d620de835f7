import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { FileNames, ModelList } from '../../src/server/api.ts'
import { watchApp } from '../fakes/watch-app.ts'
import { watchWorld } from '../fakes/watch-world.ts'

async function made(files: readonly string[]) {
  const workspace = mkdtempSync(join(tmpdir(), 'loom-names-'))
  onTestFinished(() => rmSync(workspace, { recursive: true }))
  for (const name of files) {
    mkdirSync(join(workspace, name, '..'), { recursive: true })
    writeFileSync(join(workspace, name), '')
  }
  const w = watchWorld()
  w.watch.session('ses_1', { workspace })
  await w.written()
  const app = watchApp(w)
  const names = async (q: string) => (await app.get<FileNames>(`/api/sessions/ses_1/files?q=${q}`)).items
  return { ...app, workspace, names }
}

describe('completing what is written to a session', () => {
  it('names files whose path starts so, then those whose name does, then those that hold it', async () => {
    const { names } = await made(['up.md', 'src/upload.ts', 'docs/set-up.md', 'other.ts'])
    expect(await names('UP')).toEqual(['up.md', 'src/upload.ts', 'docs/set-up.md'])
    expect(await names('src/')).toEqual(['src/upload.ts'])
  })

  it('names nothing that is ignored or hidden, and nothing that does not look as it is called', async () => {
    const { names, workspace } = await made(['a.ts', '.env', 'out/b.ts', 'two words.ts', 'a "b".ts', 'e\u202Ets.exe'])
    writeFileSync(join(workspace, '.ignore'), 'out/\n')
    expect(await names('')).toEqual(['a.ts', 'two words.ts'])
  })

  it('gives at most thirty names, and none of a session that is not there', async () => {
    const { names, call } = await made(Array.from({ length: 60 }, (_, n) => `file-${n}.ts`))
    expect(await names('file')).toHaveLength(30)
    expect((await call('GET', '/api/sessions/none/files?q=a')).status).toBe(404)
  })

  it('tells the models of the settings and asks no provider until it is told to', async () => {
    const { get } = await made([])
    expect((await get<ModelList>('/api/models')).items.map(({ model }) => model)).toEqual(['a'])
    const asked = await get<ModelList>('/api/models?ask=true')
    expect(asked.problems).toEqual([{ provider: 'local', problem: { text: 'It does not answer.' } }])
  })
})
