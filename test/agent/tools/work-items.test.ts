import { statSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { agentWorld } from '../../fakes/agent-world.ts'

const call = (args: Record<string, unknown>, name = 'work_items') => ({ name, arguments: args })

describe('work items', () => {
  it('close only with evidence: a call that went well, or a file that is there', async () => {
    const write = call({ file_path: 'made.txt', content: 'x' }, 'write')
    const world = await agentWorld([
      { tool_calls: [call({ add: ['write it', 'test it', 'tell of it'] })] },
      { tool_calls: [call({ command: 'true # proof' }, 'bash'), call({ command: 'false' }, 'bash'), write] },
      { tool_calls: [call({ close: [{ id: 1, evidence: 'made.txt' }] })] },
      { tool_calls: [call({ close: [{ id: 2, evidence: 'I promise' }] })] },
      { tool_calls: [call({ drop: [{ id: 3, why: 'nobody asked' }] })] },
      { text: 'so far' },
    ])
    await world.run('work')
    const outputs = world.outputs()
    expect(outputs[0]).toBe('3 items, 3 open\n1. [open] write it\n2. [open] test it\n3. [open] tell of it')
    expect(outputs[4]).toContain('3 items, 2 open\n1. [done] write it (made.txt)')
    expect(outputs[5]).toMatch(/^Item 2 stays open: "I promise" is neither a call .*\n3 items, 2 open/)
    expect(outputs[5]).toMatch(/Calls that went well:\n {2}call_\w+: bash .*proof/)
    expect(outputs[6]).toContain('3. [dropped] tell of it (nobody asked)')
  })

  it('do not close with a folder, nor with a file that was there before and is as it was', async () => {
    const evidence = ['.', 'src', 'README.md', 'touched.txt', 'edited.txt']
    const world = await agentWorld([
      { tool_calls: [call({ add: evidence })] },
      { tool_calls: [call({ file_path: 'edited.txt' }, 'read')] },
      {
        tool_calls: [
          call({ file_path: 'edited.txt', old_string: 'old', new_string: 'new' }, 'edit'),
          call({ command: 'echo more >> touched.txt' }, 'bash'),
        ],
      },
      { tool_calls: [call({ close: evidence.map((one, index) => ({ id: index + 1, evidence: one })) })] },
      { text: 'so far' },
    ])
    for (const name of ['src/a.ts', 'README.md', 'edited.txt', 'touched.txt']) await world.put(name, 'old\n')
    // The session begins right behind the last of them.
    const { ctimeMs } = statSync(world.path('touched.txt'))
    const session = world.journal.session(world.sessionId)
    if (session) vi.spyOn(world.journal, 'session').mockReturnValue({ ...session, createdAt: ctimeMs + 0.01 })
    await world.run('work')
    const said = String(world.outputs().at(-1))
    expect(said).toContain('5 items, 3 open')
    expect(said).toContain('Item 1 stays open: "." is neither a call of this session nor a file')
    expect(said).toContain('Item 2 stays open: "src" is neither')
    expect(said).toContain('Item 3 stays open: README.md was there before this session, as it is.')
    expect(said).toContain('4. [done] touched.txt (touched.txt)\n5. [done] edited.txt (edited.txt)')
  })

  it('are what the journal says of them, in another process as well', async () => {
    const world = await agentWorld([
      { tool_calls: [call({ add: ['one'] }), call({ command: 'true' }, 'bash'), call({ command: 'false' }, 'bash')] },
      { text: 'begun' },
    ])
    await world.run('begin')
    const [first, good, bad] = world.entries().flatMap((entry) => (entry.type === 'assistant' ? entry.calls : []))
    const ids = [first, good, bad].map((one) => String(one?.id))
    const closings = [ids[2], ids[0], ids[1], ids[1]].map((evidence) => ({
      tool_calls: [call({ close: [{ id: 1, evidence }] })],
    }))
    const next = await agentWorld([
      // The script goes by the replies that the history holds.
      ...[{ text: 'one' }, { text: 'two' }],
      ...closings,
      { tool_calls: [call({ show: true })] },
      { text: 'done' },
    ])
    next.journal.append(next.sessionId, ...world.entries())
    next.restart()
    await next.run('go on', { promptId: 'p2' })
    expect(next.outputs().slice(3)).toEqual([
      expect.stringContaining(`Item 1 stays open: the call ${ids[2]} failed.`),
      expect.stringContaining('a call of this list proves nothing'),
      `1 items, 0 open\n1. [done] one (${ids[1]})`,
      expect.stringContaining('Item 1 is done already.'),
      `1 items, 0 open\n1. [done] one (${ids[1]})`,
    ])
  })

  it('must be told what to do', async () => {
    const world = await agentWorld([{ tool_calls: [call({}), call({ close: '[{"id": 1, "evidence": "x"}]' })] }])
    await world.prompt('go')
    await world.over()
    expect(world.outputs()).toEqual([
      expect.stringContaining('say what to do with the list'),
      'There is no item 1.\n0 items, 0 open',
    ])
  })
})
