/** `openloom run` with what comes through a pipe, and with what was said before. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { piped, place, program } from '../fakes/place.ts'

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

it.each(['SIGTERM', 'SIGKILL'] as const)(
  'CL-3 leaves no process behind a %s, also without a sandbox',
  async (signal) => {
    const p = await place([bash('sleep 600 & setsid sleep 600 & echo $! > pid; wait'), { text: 'done' }])
    const child = spawn(process.execPath, [program, 'run', '-p', 'go', '--allow', 'bash'], { cwd: p.work, env: p.env })
    onTestFinished(() => void child.kill('SIGKILL'))
    const ended = new Promise((resolve) => child.once('close', resolve))
    const file = join(p.work, 'pid')
    await vi.waitFor(() => expect(existsSync(file) && readFileSync(file, 'utf8')).toMatch(/\d\n/))
    const pid = Number(readFileSync(file, 'utf8'))
    const isAlive = () => existsSync(`/proc/${pid}`)
    expect(isAlive()).toBe(true)
    child.kill(signal)
    expect(await ended).toBe(signal === 'SIGTERM' ? 130 : null)
    await vi.waitFor(() => expect(isAlive()).toBe(false), { timeout: 5_000 })
  },
)

it('CL-3 takes no rule that it cannot read, and no limit of nothing', async () => {
  const p = await place([{ text: 'I hear you.' }])
  for (const bad of ['bash(rm *', 'bash()', 'bash rm', '']) {
    expect(await piped(p, ['run', '-p', 'x', '--deny', bad], '')).toMatchObject({ code: 2 })
  }
  for (const bad of ['0', '-1', '1.5', 'x']) {
    expect(await piped(p, ['run', '-p', 'x', '--max-steps', bad], '')).toMatchObject({ code: 2 })
  }
  expect(p.model.requests).toEqual([])
})

it('SU-1 a run is called by the first words of its prompt, and nobody else reads its database', async () => {
  const p = await place([{ text: 'I hear you.' }])
  const dataDir = join(p.home, 'data')
  const own = { ...p, env: { ...p.env, OPENLOOM_DATA_DIR: dataDir } }
  await piped(own, ['run', '-p', 'fix the door\nand the window'], '')
  const { out } = await piped(own, ['chat'], '/sessions\n')
  expect(out).toContain('fix the door and the window')
  expect(statSync(join(dataDir, 'openloom.db')).mode & 0o777).toBe(0o600)
})

it('SE-3 a folder is trusted, and a grant taken back, without a daemon', async () => {
  const p = await place([bash('touch ran'), { text: 'done' }])
  writeFileSync(join(p.work, 'openloom.yaml'), 'permissions: [{ tool: bash, command: "touch *", action: deny }]\n')
  const { err } = await piped(p, ['chat'], 'run it\na\n')
  expect([err, existsSync(join(p.work, 'ran'))]).toEqual([expect.stringContaining('openloom trust'), true])

  const { out } = await piped(p, ['asks', '--grants', '--json'], '')
  const [grant] = (JSON.parse(out) as { items: { id: string; pattern: string }[] }).items
  expect(grant).toMatchObject({ pattern: 'touch ran' })
  expect(await piped(p, ['asks', '--revoke', 'g_nothing'], '')).toMatchObject({ code: 1 })
  expect(await piped(p, ['asks', '--revoke', grant?.id ?? ''], '')).toMatchObject({ code: 0 })
  expect(await piped(p, ['asks', '--grants'], '')).toMatchObject({ out: 'Nothing is allowed for good.\n' })

  expect(await piped(p, ['trust', 'nowhere'], '')).toMatchObject({ code: 1, err: expect.stringContaining('no such') })
  expect(await piped(p, ['trust', '.'], '')).toMatchObject({ code: 0, out: expect.stringContaining('"touch *"') })
  expect((await piped(p, ['trust', 'list'], '')).out).toContain(`trusted  scoped  ${p.work}`)
  rmSync(join(p.work, 'ran'))
  expect(await piped(p, ['run', '-p', 'go', '--allow', 'bash'], '')).toMatchObject({ code: 0, err: '' })
  expect(existsSync(join(p.work, 'ran'))).toBe(false)
})

it('SE-3 settings of a project count only in a trusted folder, as they were when it was trusted', async () => {
  const p = await place([{ text: 'I hear you.' }])
  const write = (text: string) => writeFileSync(join(p.work, 'openloom.yaml'), text)
  const ignored = async () => (await piped(p, ['run', '-p', 'x'], '')).err.includes('not taken')
  mkdirSync(join(p.work, '.openloom', 'tools'), { recursive: true })
  writeFileSync(join(p.work, '.openloom', 'tools', 'one.mjs'), 'export default {}')
  write('sandbox: { mode: auto }\n')
  expect(await ignored()).toBe(true)
  await piped(p, ['trust', '--read-only'], '')
  expect(await ignored()).toBe(true)
  await piped(p, ['trust'], '')
  expect(await ignored()).toBe(false)
  write('sandbox: { mode: "off" }\n')
  expect(await ignored()).toBe(true)
})

it('CL-3 has its session for itself: who speaks in it meanwhile is told so, and may do so later', async () => {
  const p = await place([bash('until [ -e go ]; do sleep 0.1; done'), { text: 'first' }, { text: 'second' }])
  const first = piped(p, ['run', '-p', 'first', '--json', '--allow', 'bash'], '')
  await vi.waitFor(() => expect(p.model.requests.filter(({ body }) => body)).toHaveLength(1))
  const meanwhile = await piped(p, ['run', '--continue', '-p', 'again'], '')
  expect(meanwhile).toMatchObject({ code: 4, err: expect.stringContaining('Another program') })
  writeFileSync(join(p.work, 'go'), '')
  const { code, out } = await first
  expect([code, JSON.parse(out)]).toMatchObject([0, { exit_code: 0 }])
  expect(await piped(p, ['run', '--continue', '-p', 'again'], '')).toMatchObject({ code: 0, out: 'second\n' })
})

it('CL-3 a session whose program was killed in the middle of a turn is free', async () => {
  const p = await place([{ text: 'one two three four five six seven eight', chunk_ms: 700 }, { text: 'second' }])
  const child = spawn(process.execPath, [program, 'run', '-p', 'first'], { cwd: p.work, env: p.env })
  const ended = new Promise((resolve) => child.once('close', resolve))
  await vi.waitFor(() => expect(p.model.requests.filter(({ body }) => body)).toHaveLength(1))
  child.kill('SIGKILL')
  await ended
  expect(await piped(p, ['run', '--continue', '-p', 'again'], '')).toMatchObject({ code: 0 })
  expect(p.last()).toContain('again')
})

it('DU-3 who goes on after a kill is told what is not known, beside an answer that programs read', async () => {
  const command = 'touch begun; until [ -e go ]; do sleep 0.05; done'
  const p = await place([bash(command), { text: 'I hear you.' }, { text: 'And again.' }])
  const child = spawn(process.execPath, [program, 'run', '-p', 'first', '--allow', 'bash'], { cwd: p.work, env: p.env })
  const ended = new Promise((resolve) => child.once('close', resolve))
  await vi.waitFor(() => expect(existsSync(join(p.work, 'begun'))).toBe(true))
  child.kill('SIGKILL')
  await ended
  const { out, err } = await piped(p, ['run', '--continue', '-p', 'go on', '--json'], '')
  expect(err).toContain(`whether it happened is not known. Look before it is run again:\n    bash ${command}\n`)
  expect(JSON.parse(out)).toMatchObject({ exit_code: 0 })
  expect((await piped(p, ['run', '--continue', '-p', 'again'], '')).err).not.toContain('not known')
})

const circle = { tool_calls: [{ name: 'glob', arguments: { pattern: '*' } }] }

it.each([
  ['steps-used-up', circle, '--max-steps', ['--max-steps', '1']],
  ['going-in-circles', circle, 'differently', []],
  ['answer-empty', { fault: 'empty' }, 'another model', []],
  ['answer-cut-off', { text: 'half', finish: 'length' }, 'go on', []],
  ['answer-cut-off', { text: '', finish: 'length' }, 'go on', []],
  ['answer-filtered', { text: 'ha', finish: 'content_filter' }, 'differently', []],
])('CL-3 says why there is no whole answer, and what to do: %s', async (kind, reply, todo, more) => {
  const p = await place([reply])
  const { code, err } = await piped(p, ['run', '-p', 'x', ...more], '')
  expect([code, err.split('\n')]).toMatchObject([1, [expect.any(String), expect.stringContaining(todo), '']])
  const { out } = await piped(p, ['run', '-p', 'x', '--json', ...more], '')
  const { unfinished } = JSON.parse(out) as { unfinished: { kind: string; text: string; todo: string } }
  expect([unfinished.kind, err]).toEqual([kind, `${unfinished.text}\n  ${unfinished.todo}\n`])
  const chat = await piped(p, ['chat'], 'x\n')
  if (more.length === 0) expect(chat.out).toContain(`${unfinished.text}\n  ${unfinished.todo}\n`)
})

it('CL-3 a name that is none is bad usage, with the names there are', async () => {
  const p = await place([{ text: 'unused' }])
  const agent = await piped(p, ['run', '--agent', 'nobody', '-p', 'x'], '')
  expect(agent).toMatchObject({ code: 2, err: expect.stringContaining('There are: ') })
  expect(await piped(p, ['run', '--session', 's_none', '-p', 'x'], '')).toMatchObject({ code: 2 })
})
