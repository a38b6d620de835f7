/** `openloom run` with what comes through a pipe, and with what was said before. */
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { piped, place } from '../fakes/place.ts'

const bash = (command: string) => ({ tool_calls: [{ name: 'bash', arguments: { command } }] })

it('CL-3 puts what comes through a pipe behind the prompt', async () => {
  const p = await place([{ text: 'I hear you.' }])
  expect(await piped(p, ['run', '-p', 'explain'], 'line 7 is odd')).toEqual({ code: 0, out: 'I hear you.\n', err: '' })
  expect(p.last()).toContain('explain\\n\\nline 7 is odd')
  expect(await piped(p, ['run'], 'all of it')).toMatchObject({ code: 0 })
  expect(p.last()).toContain('all of it')
  expect(await piped(p, ['run', '-p', '-'], ' ')).toMatchObject({ code: 2, err: expect.stringContaining('no prompt') })
})

it('CL-3 goes on in the last session of the folder', async () => {
  const p = await place([{ text: 'I hear you.' }])
  expect(await piped(p, ['run', '--continue', '-p', 'x'], '')).toMatchObject({ code: 2 })
  await piped(p, ['run', '-p', 'my name is Ada'], '')
  const { out } = await piped(p, ['run', '--continue', '-p', 'and now?', '--json'], '')
  expect(p.last()).toContain('my name is Ada')
  const { session_id } = JSON.parse(out) as { session_id: string }
  await piped(p, ['run', '--session', session_id, '-p', 'a third'], '')
  expect(p.last()).toContain('and now?')
})

it('CL-3 counts what a person allowed for good, and nothing else', async () => {
  const p = await place([{ match: 'another', ...bash('touch ran2') }, bash('touch ran'), { text: 'done' }])
  await piped(p, ['chat'], 'run it\na\n')
  rmSync(join(p.work, 'ran'))
  expect(await piped(p, ['run', '-p', 'run it'], '')).toMatchObject({ code: 0, out: 'done\n' })
  expect(await piped(p, ['run', '-p', 'run another'], '')).toMatchObject({ code: 3 })
  expect([existsSync(join(p.work, 'ran')), existsSync(join(p.work, 'ran2'))]).toEqual([true, false])
})
