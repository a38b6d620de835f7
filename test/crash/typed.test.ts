/** A shell line that a person typed, over the death of the daemon: told of as unknown, never run again, undoable. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TranscriptPage } from '../../src/core/session.ts'
import type { SessionDiff } from '../../src/server/api.ts'
import { DaemonRig, eventually, type Life } from '../fakes/daemon.ts'

const rig = new DaemonRig()
beforeAll(() => rig.open({ script: { replies: [{ text: 'I have seen it.' }], at_end: 'repeat' } }))
afterAll(() => rig.close())

const read = async <T>(life: Life, path: string) => (await (await life.api(path)).json()) as T
const line = 'echo once >> log.txt; echo two > notes.txt'
const notes = (workspace: string) => readFileSync(join(workspace, 'notes.txt'), 'utf8')

/** A session in whose line the daemon was killed, with the next daemon. */
async function cut(name: string) {
  const workspace = join(rig.work, name)
  mkdirSync(workspace, { recursive: true })
  writeFileSync(join(workspace, 'notes.txt'), 'one\n')
  const doomed = await rig.started({ env: { OPENLOOM_FAILPOINT: 'typed.ran' } })
  const { id } = await doomed.send<{ id: string }>('/api/sessions', { workspace, title: name })
  await expect(doomed.send(`/api/sessions/${id}/type`, { line })).rejects.toThrow('fetch failed')
  expect((await doomed.exited).signal).toBe('SIGKILL')
  const life = await rig.started()
  return { life, workspace, path: `/api/sessions/${id}` }
}

const outcome = expect.stringContaining('Not known: OpenLoom was ended in the middle of it')

describe('a line whose daemon was killed', () => {
  it('stands in the transcript as of unknown outcome, with what it changed, and can be brought back', async () => {
    const { life, workspace, path } = await cut('looked-at')
    for (const _ of [1, 2]) {
      const { messages } = await read<TranscriptPage>(life, `${path}/transcript`)
      expect(messages).toMatchObject([{ role: 'user', parts: [{ name: 'bash', state: 'error', output: outcome }] }])
    }
    const { items } = await read<SessionDiff>(life, `${path}/diff`)
    expect(items.map((file) => [file.path, file.status])).toEqual([
      ['log.txt', 'added'],
      ['notes.txt', 'changed'],
    ])
    await life.send(`${path}/restore`, {})
    expect([notes(workspace), existsSync(join(workspace, 'log.txt'))]).toEqual(['one\n', false])
    await life.kill()
  })

  it('is told to the agent before its next turn, once, and is not run again', async () => {
    const { life, workspace, path } = await cut('gone-on-with')
    await life.send(`${path}/prompt`, { text: 'What now?' })
    const asked = () => JSON.stringify(rig.requests.at(-1)?.body?.messages ?? [])
    await eventually('the agent is asked', () => asked().includes('What now?'))
    expect(asked().split('Not known: OpenLoom was ended').length).toBe(2)
    const { items } = await read<SessionDiff>(life, `${path}/diff`)
    expect(items.map((file) => file.path)).toEqual(['log.txt', 'notes.txt'])
    expect([notes(workspace), readFileSync(join(workspace, 'log.txt'), 'utf8')]).toEqual(['two\n', 'once\n'])
    await life.kill()
  })
})
