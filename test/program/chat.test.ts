/** `openloom chat` of the built program, at a real terminal and through a pipe. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { type Place, piped as pipe, place, program } from '../fakes/place.ts'
import { hasTerminal, openTerminal, type Terminal } from '../fakes/terminal.ts'

const bash = (command: string) => ({ tool_calls: [{ name: 'bash', arguments: { command } }] })

const piped = (p: Place, lines: readonly string[], args: string[] = []) =>
  pipe(p, ['chat', ...args], lines.map((line) => `${line}\n`).join(''))

async function chatting(p: Place, more: Record<string, string> = {}, args: string[] = []): Promise<Terminal> {
  const terminal = openTerminal([program, 'chat', ...args], { cwd: p.work, env: { ...p.env, ...more } })
  await terminal.sees('› ')
  return terminal
}

/** At work, in a call that lasts until `go`. */
async function atWork(p: Place): Promise<{ terminal: Terminal; go(): void }> {
  writeFileSync(join(p.work, 'wait.sh'), 'until [ -e go ]; do sleep 0.05; done')
  const terminal = await chatting(p, { NO_COLOR: '1' }, ['--allow', 'bash(sh wait.sh)'])
  await say(terminal, 'begin')
  await terminal.sees('sh wait.sh')
  return { terminal, go: () => writeFileSync(join(p.work, 'go'), '') }
}

/** Types a line when the prompt is there. */
async function say(terminal: Terminal, line: string): Promise<void> {
  terminal.type(`${line}\r`)
  await terminal.sees(line)
}

it.runIf(hasTerminal)('an edit that comes too late is refused, and its text is kept', async () => {
  const p = await place([{ text: 'never' }])
  const agents = join(p.work, 'AGENTS.md')
  writeFileSync(agents, 'first')
  const editor = join(p.work, 'editor.sh')
  writeFileSync(editor, `echo mine > "$1"; echo theirs > '${agents}'`)
  const env = { ...p.env, EDITOR: `sh ${editor}` }
  const terminal = openTerminal([program, 'memory', 'edit', 'AGENTS.md'], { cwd: p.work, env })
  await terminal.exited
  const kept =
    terminal
      .text()
      .replace(/\s+/g, '')
      .match(/Yourtextiskeptin(\S+?\/AGENTS\.md)/)?.[1] ?? ''
  expect([readFileSync(kept, 'utf8'), readFileSync(agents, 'utf8')]).toEqual(['mine\n', 'theirs\n'])
})

describe('openloom chat through a pipe', () => {
  it('CL-4 turn 2 goes to the model with turn 1, and the next chat goes on', async () => {
    const p = await place([{ text: 'I hear you.' }])
    expect(await piped(p, ['my name is Ada', 'what is my name?'])).toEqual({
      ...{ code: 0, err: '', out: 'I hear you.\nI hear you.\n' },
    })
    expect(p.last()).toContain('my name is Ada')
    await piped(p, ['and now?'], ['--continue'])
    expect(p.last()).toContain('my name is Ada')
    await piped(p, ['somebody else'])
    expect(p.last()).not.toContain('my name is Ada')
  })

  it('CL-4 takes every line, however many come at once', async () => {
    const p = await place([{ text: 'I hear you.' }])
    const lines = Array.from({ length: 21_000 }, (_, n) => `/no${n}`)
    const { out } = await piped(p, [...lines, 'and this?'])
    expect(out.split('There is no /no')).toHaveLength(lines.length + 1)
    expect(out).toMatch(/There is no \/no20999;.*\nI hear you\.\n$/)
  })

  it('CL-4 words of the agent cannot move the cursor or forge a line', async () => {
    const p = await place([{ text: 'a\u001b[2Jb\rc\u202ed\u009b1m' }])
    const { out } = await piped(p, ['hello'])
    expect(out).toBe('a\\u{1b}[2Jb\\u{d}c\\u{202e}d\\u{9b}1m\n')
  })

  it('CL-4 commands with a slash work on the session', async () => {
    const p = await place([
      { tool_calls: [{ name: 'write', arguments: { file_path: 'a.txt', content: 'x\n' } }] },
      { text: 'written' },
    ])
    const lines = [
      '/nonsense',
      'write it',
      '/rename The  title',
      '/sessions',
      '/cost',
      '/model other',
      '/model scripted-model',
    ]
    const { out } = await piped(p, [
      ...lines,
      '/model',
      '/export talk.md',
      '/undo files',
      '/permissions',
      '/help',
      '/quit',
      'no',
    ])
    expect(out).toContain('There is no /nonsense')
    expect(out).toContain('No provider offers the model "other"')
    for (const part of [
      'It is called: The title',
      'idle  The title',
      'cost unknown',
      'From now on: scripted-model\nscripted-model\n',
    ]) {
      expect(out).toContain(part)
    }
    expect(out).toContain(`removed ${p.work}/a.txt`)
    expect(existsSync(join(p.work, 'a.txt'))).toBe(false)
    expect(readFileSync(join(p.work, 'talk.md'), 'utf8')).toContain('# The title')
    expect(out).toContain('"tool":"bash"')
    expect(p.model.requests.filter(({ body }) => body !== null)).toHaveLength(2)
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
  })

  it('SU-5 a line of the person goes through the permissions, and the agent is told of it', async () => {
    const p = await place([{ text: 'I hear you.' }])
    const { out } = await piped(p, ['!echo mine > mine.txt && cat mine.txt', 'what did I do?'])
    expect(out).toContain('mine\n')
    expect(p.last()).toContain('cat mine.txt')
    const denied = await piped(p, ['!touch never'], ['--deny', 'bash(touch *)'])
    expect(denied.out).toContain('Not permitted')
    expect(existsSync(join(p.work, 'never'))).toBe(false)
  })

  it('CL-4 asks before a command, and keeps an always for exactly what was shown', async () => {
    const p = await place([
      bash('touch ran'),
      { text: 'done' },
      bash('touch ran'),
      { text: 'again' },
      bash('touch no'),
      { text: 'fine' },
    ])
    const { out } = await piped(p, ['run', 'perhaps', 'a', 'once more', 'and another', 'd rather not', '/quit'])
    expect(out.split('The agent asks:')).toHaveLength(3)
    expect(out).toContain('    touch ran')
    expect(out).toContain('Say o, a or d')
    expect([existsSync(join(p.work, 'ran')), existsSync(join(p.work, 'no'))]).toEqual([true, false])
    expect(p.last()).toContain('rather not')
  })

  it('SA-3 shows a plan, sends it back with a word, and goes on in the fresh session that carries it out', async () => {
    const plan = (text: string) => ({ tool_calls: [{ name: 'submit_plan', arguments: { plan: text } }] })
    const p = await place([plan('1. Look.'), plan('1. Look.\n2. Say so.'), { text: 'Carried out.' }, { text: 'Here.' }])
    const { out } = await piped(p, ['plan it', 'say so, too', 'f', 'where are you?', '/quit'], ['--agent', 'plan'])
    expect(out).toContain('The agent has a plan (version 2):\n    1. Look.\n    2. Say so.')
    expect(out).toMatch(/The plan is carried out in a session of its own: s_\w+\n[\s\S]*Here\./)
    expect(p.last()).toContain('A person has accepted this plan')
    expect(p.last()).toContain('where are you?')
    expect(p.last()).not.toContain('plan it')
  })
})

it('DU-3 who goes on after a kill is told what is not known, and nobody seems to be at work', async () => {
  const command = 'touch begun; until [ -e go ]; do sleep 0.05; done'
  const p = await place([bash(command), { text: 'I hear you.' }])
  const child = spawn(process.execPath, [program, 'chat', '--allow', 'bash'], { cwd: p.work, env: p.env })
  const ended = new Promise((resolve) => child.once('close', resolve))
  child.stdin.write('long work\n')
  await vi.waitFor(() => expect(existsSync(join(p.work, 'begun'))).toBe(true))
  expect((await piped(p, ['/sessions'])).out).toContain('  busy ')
  child.kill('SIGKILL')
  await ended
  const told = `is not known. Look before it is run again:\n    bash ${command}\n`
  const { out } = await piped(p, ['/sessions', '/quit'], ['--continue'])
  expect(out).toContain(told)
  expect(out).toContain('  interrupted  long work')
  const [id = ''] = /s_\w+/.exec(out) ?? []
  expect((await piped(p, [`/sessions ${id}`, '/quit'])).out).toContain(told)
  await piped(p, ['what happened?'], ['--continue'])
  expect((await piped(p, ['/quit'], ['--session', id])).out).toBe('')
})

it('CL-4 /copy through a pipe says that there is no clipboard', async () => {
  const p = await place([{ text: 'I hear you.' }])
  const { out } = await piped(p, ['hello', '/copy', '/quit'])
  expect(out).toContain('There is no terminal that has a clipboard.')
  expect(out).not.toContain('\u001b]52;')
})

describe.runIf(hasTerminal)('openloom chat at a terminal', () => {
  it('CL-4 Ctrl-C ends the run only; twice at an empty line it leaves', async () => {
    const p = await place([bash('sleep 300'), { text: 'I am still here.' }])
    const terminal = await chatting(p)
    await say(terminal, 'sleep')
    await terminal.sees('[o]nce')
    terminal.type('o\r')
    await terminal.sees('sleep 300')
    terminal.type('\u0003')
    await terminal.sees('Stopped.')
    await terminal.sees('› ')
    await say(terminal, 'are you there?')
    await terminal.sees('I am still here.')
    await terminal.sees('› ')
    terminal.type('\u0003')
    await terminal.sees('Ctrl-C again leaves.')
    terminal.type('\u0003')
    expect(await terminal.exited).toBe(0)
  })

  it('CL-4 a line that is typed while the agent works is said when the turn is over, or steers it', async () => {
    const p = await place([{ text: ['slow ', 'words'], chunk_ms: 1_500 }, { text: 'I hear you.' }])
    const terminal = await chatting(p)
    await say(terminal, 'begin')
    await terminal.sees('slow')
    terminal.type('more of it\r')
    await terminal.sees('» ')
    await terminal.sees('I hear you.')
    expect(p.last()).toContain('more of it')
  })

  it('CL-4 what is asked is shown whole above a half-typed line, and answered after it', async () => {
    const p = await place([bash('sh wait.sh'), bash('touch one'), { text: 'It is done.' }])
    const { terminal, go } = await atWork(p)
    terminal.type('please al')
    await terminal.sees('please al')
    go()
    await terminal.sees('The agent asks: bash')
    await terminal.sees('    touch one')
    expect(await terminal.sees('please al')).not.toContain('[o]nce')
    terminal.type('so\r')
    expect(await terminal.sees('[o]nce')).not.toContain('Say o')
    expect(existsSync(join(p.work, 'one'))).toBe(false)
    terminal.type('o\r')
    await terminal.sees('It is done.')
    expect(existsSync(join(p.work, 'one'))).toBe(true)
    expect(p.last()).toContain('please also')
  })

  it('CL-4 a line that is half typed when the turn ends is typed on', async () => {
    const p = await place([bash('sh wait.sh'), { text: 'I hear you.' }])
    const { terminal, go } = await atWork(p)
    terminal.type('what ab')
    await terminal.sees('what ab')
    go()
    await terminal.sees('I hear you.')
    await terminal.sees('› ')
    terminal.type('out it?\r')
    await terminal.sees('what about it?')
    await terminal.sees('I hear you.')
    expect(p.last()).toContain('what about it?')
  })

  it('CL-4 an answer that was begun when the run was stopped answers nothing else', async () => {
    const p = await place([bash('touch one'), bash('touch two'), { text: 'I hear you.' }])
    const terminal = await chatting(p, { NO_COLOR: '1' })
    await say(terminal, 'begin')
    await terminal.sees('[d]eny (and why) › ')
    terminal.type('always')
    await terminal.sees('always')
    terminal.type('\u0003')
    await terminal.sees('Stopped.')
    await terminal.sees('› ')
    await say(terminal, 'again')
    await terminal.sees('touch two')
    await terminal.sees('[d]eny (and why) › ')
    terminal.type('d no\r')
    await terminal.sees('I hear you.')
    expect(p.last()).not.toContain('alwaysagain')
    expect([existsSync(join(p.work, 'one')), existsSync(join(p.work, 'two'))]).toEqual([false, false])
  })

  it('CL-4 completes names of files and commands, and keeps what was typed for its owner alone', async () => {
    const p = await place([{ text: 'I hear you.' }])
    mkdirSync(join(p.work, 'src'))
    writeFileSync(join(p.work, 'src', 'prices.ts'), '')
    const terminal = await chatting(p)
    await say(terminal, 'first')
    await terminal.sees('I hear you.')
    await terminal.sees('› ')
    terminal.type('look at @pri\t')
    await terminal.sees('@src/prices.ts')
    terminal.type('\r')
    await terminal.sees('I hear you.')
    expect(p.last()).toContain('look at @src/prices.ts')
    await terminal.sees('› ')
    terminal.type('/qu\t')
    await terminal.sees('/quit')
    terminal.type('\r')
    expect(await terminal.exited).toBe(0)
    const kept = join(p.home, '.local', 'share', 'openloom', 'chat-history')
    expect(statSync(kept).mode & 0o777).toBe(0o600)
    expect(readFileSync(kept, 'utf8')).toContain('"first"')
  })

  it('CL-4 /copy hands the last answer to the clipboard of the terminal, and nothing else', async () => {
    const answer = 'Grüße, Ada: \u001b]52;c;aGE=\u0007 it is done.'
    const p = await place([{ text: answer }])
    const terminal = await chatting(p)
    await say(terminal, 'hello')
    await terminal.sees('it is done.')
    await terminal.sees('› ')
    await say(terminal, '/copy')
    const copied = `\u001b]52;c;${Buffer.from(answer).toString('base64')}\u0007`
    await terminal.sees(copied)
    await terminal.sees(`${answer.length} characters are in the clipboard`)
    expect(terminal.text().split('\u001b]52;')).toHaveLength(2)
  })

  it('CL-4 what was taken back is neither copied nor shown', async () => {
    const p = await place([{ text: 'The first.' }, { text: 'The second.' }])
    const terminal = await chatting(p, { NO_COLOR: '1' })
    const tell = async (line: string, wanted: string) => {
      terminal.type(`${line}\r`)
      const text = await terminal.sees(wanted)
      await terminal.sees('› ')
      return text
    }
    await tell('one', 'The first.')
    await tell('two', 'The second.')
    await tell('/undo', 'is taken back')
    await tell('/copy', `\u001b]52;c;${Buffer.from('The first.').toString('base64')}\u0007`)
    const id = /s_\w+/.exec(await tell('/sessions', '  idle'))?.[0]
    expect(await tell(`/sessions ${id}`, 'The first.')).not.toContain('two')
    await tell('/undo', 'is taken back')
    await tell('/copy', 'There is no answer yet.')
    expect(terminal.text().split('The second.')).toHaveLength(2)
  })

  it('CL-4 what is pasted is one line, sent as it was; the terminal is left as it was', async () => {
    const p = await place([{ text: 'I hear you.' }])
    const terminal = await chatting(p, { NO_COLOR: '1' })
    await terminal.sees('\u001b[?2004h')
    await terminal.sees('› ')
    terminal.type('see: \u001b[20')
    await terminal.sees('see: ')
    terminal.type('0~one\r\n\ttwo\u0003\u001b[A\rthree\u001b[2')
    await terminal.sees('two')
    terminal.type('01~ and go\u007fo\r')
    await terminal.sees('I hear you.')
    expect(p.last()).toContain(String.raw`"see: one\n\ttwo[A\nthree and go"`)
    expect(p.model.requests.filter(({ body }) => body !== null)).toHaveLength(1)
    await terminal.sees('› ')
    terminal.type('\u001b[A')
    await terminal.sees('three and go')
    terminal.type('!\r')
    await terminal.sees('I hear you.')
    expect(p.last()).toContain(String.raw`\n\ttwo[A\nthree and go!"`)
    await terminal.sees('› ')
    terminal.type('/quit\r')
    expect(await terminal.exited).toBe(0)
    expect(terminal.text().endsWith('\u001b[?2004l')).toBe(true)
  })

  it('CL-4 /copy without an answer leaves the clipboard alone', async () => {
    const p = await place([{ text: 'unused' }])
    const terminal = await chatting(p)
    await say(terminal, '/copy')
    await terminal.sees('› ')
    await say(terminal, '/quit')
    expect(await terminal.exited).toBe(0)
    expect(terminal.text()).not.toContain('\u001b]52;')
  })

  it('CL-4 has colours, and none with NO_COLOR', async () => {
    const p = await place([{ text: 'I hear you.' }])
    const colours = async (more: Record<string, string>) => {
      const terminal = await chatting(p, more)
      await say(terminal, '/model')
      await terminal.sees('scripted-model')
      return terminal.text().includes('\u001b[2m')
    }
    expect([await colours({}), await colours({ NO_COLOR: '1' })]).toEqual([true, false])
  })
})
