import { describe, expect, it } from 'vitest'
import { Installs } from '../../src/agent/repeats.ts'
import { agentWorld, endsOf } from '../fakes/agent-world.ts'

const seen = (installs: Installs, command: string): boolean =>
  installs.see({ id: 'c', name: 'bash', argumentsText: JSON.stringify({ command }) })

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
