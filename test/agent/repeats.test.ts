import { describe, expect, it } from 'vitest'
import { Installs } from '../../src/agent/repeats.ts'
import { agentWorld, endsOf, goesOnAfterRestart } from '../fakes/agent-world.ts'

const seen = (installs: Installs, command: string): boolean =>
  installs.see({ id: 'c', name: 'bash', argumentsText: JSON.stringify({ command }) })

const call = (name: string, args: Record<string, unknown>) => ({ name, arguments: args })

describe('AL-6 going in circles', () => {
  it('ends a run that repeats one write for ever, by its seventh call', async () => {
    const write = { tool_calls: [call('write', { file_path: 'a', content: 'x' })] }
    const world = await agentWorld({ replies: [write], at_end: 'repeat' })
    await world.run('go')
    expect(endsOf(world.entries())).toEqual(['doom_loop'])
    expect(world.outputs().length).toBeLessThanOrEqual(7)
    expect(world.entries().filter((entry) => entry.type === 'note')).toHaveLength(1)
  })

  it('AL-6 remembers after a restart what went in circles before it', async () => {
    const write = { tool_calls: [call('write', { file_path: 'a', content: 'x' })] }
    const world = await agentWorld([write, write, { fault: 'stall', times: 1 }, write, write, write, write, write])
    await goesOnAfterRestart(world, 3)
    expect(endsOf(world.entries())).toEqual(['doom_loop'])
    expect(world.outputs()).toHaveLength(7)
  })

  it('AL-6 ends a run whose outcome holds another time at each call, by its seventh', async () => {
    const look = { tool_calls: [call('bash', { command: "date '+at %T, took 0.%Ns'" })] }
    const world = await agentWorld({ replies: [look], at_end: 'repeat' })
    await world.run('go')
    expect(endsOf(world.entries())).toEqual(['doom_loop'])
    expect(world.outputs()).toHaveLength(7)
  })

  it('AL-6 lets a test that says how long it took fail again after each change', async () => {
    const test = call('bash', { command: "date '+1 failed in 0.%Ns'" })
    const replies = ['1', '2', '3', '4', '5'].map((content) => ({
      tool_calls: [call('write', { file_path: 'a', content }), test],
    }))
    const world = await agentWorld([...replies, { text: 'done' }])
    await world.run('go')
    expect(endsOf(world.entries())).toEqual(['completed'])
  })

  it('lets a test run again after each change', async () => {
    const test = call('bash', { command: 'cat a' })
    const replies = ['1', '2', '3', '4'].map((content) => ({
      tool_calls: [call('write', { file_path: 'a', content }), test],
    }))
    const world = await agentWorld([...replies, { text: 'done' }])
    await world.run('go')
    expect(endsOf(world.entries())).toEqual(['completed'])
  })
})

describe('AL-6 an install burst', () => {
  it('is spoken to once a run', async () => {
    const commands = ['echo npm install a', 'echo pip install b', 'echo cargo add c', 'echo brew install d']
    const replies = commands.map((command) => ({ tool_calls: [{ name: 'bash', arguments: { command } }] }))
    const world = await agentWorld([...replies, { text: 'done' }])
    await world.run('go')
    const notes = world.entries().flatMap((entry) => (entry.type === 'note' ? [entry.text] : []))
    expect(notes).toEqual([expect.stringContaining('installed packages three times')])
    expect(endsOf(world.entries())).toEqual(['completed'])
  })

  it.each([
    ...['uv pip install x', 'uv add x', 'pip3 install -r r.txt', 'pipx install x', 'poetry add x', 'npm i x'],
    ...['cd a && npm ci', 'pnpm add x', 'yarn add x', 'sudo apt-get -y install x', 'apt install x', 'brew install x'],
    ...['yum install x', 'dnf -y install x', 'cargo install x', 'gem install x', 'go get x', 'go install x'],
  ])('%s is an install', (command) => {
    const installs = new Installs()
    expect([1, 2, 3, 4].map(() => seen(installs, command))).toEqual([false, false, true, false])
  })

  it.each(['npm test', 'cat install.md', 'git add .', 'go test ./...', 'apt list', 'grep -r "install" .'])(
    '%s is none',
    (command) => {
      const installs = new Installs()
      expect([1, 2, 3, 4].map(() => seen(installs, command))).toEqual([false, false, false, false])
    },
  )

  it('is three within ten calls, whichever tool they use', () => {
    const installs = new Installs()
    const rounds = Array.from({ length: 3 }, () => [
      seen(installs, 'npm i x'),
      ...Array.from({ length: 5 }, () => seen(installs, 'ls')),
    ])
    expect(rounds.flat()).not.toContain(true)
    expect([seen(installs, 'npm i'), seen(installs, 'npm i')]).toEqual([false, true])
  })
})
