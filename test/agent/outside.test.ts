import { writeFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Outside } from '../../src/agent/outside.ts'
import { sha256 } from '../../src/lib/digest.ts'
import { agentWorld } from '../fakes/agent-world.ts'
import { tell } from '../fakes/story.ts'
import { toolWorld } from '../fakes/tool-world.ts'

const call = (name: string, args: Record<string, unknown>) => ({ tool_calls: [{ name, arguments: args }] })

/** What is new of files that were read; waits for the notice of the system. */
async function watching(...names: string[]) {
  const world = await toolWorld()
  const seen = new Map<string, string>()
  for (const name of names) seen.set(await world.put(name, 'one\n'), sha256('one\n'))
  const outside = new Outside(seen)
  onTestFinished(() => outside.close())
  const news = () =>
    vi.waitFor(async () => {
      const changed = await outside.changed()
      expect(changed).not.toEqual([])
      return changed
    })
  return { world, seen, outside, news }
}

describe('TL-8 outside edits', () => {
  it('a file that was read and changes outside is told at once, and the next edit says changed', async () => {
    const edit = call('edit', { file_path: 'a.txt', old_string: 'one', new_string: 'two' })
    const story = await tell({
      script: [
        call('read', { file_path: 'a.txt' }),
        call('bash', { command: 'until [ -e ../go ]; do sleep 0.02; done' }),
        edit,
        { text: 'done' },
      ],
    })
    const folder = story.workspace()
    writeFileSync(join(folder, 'a.txt'), 'one\n')
    story.drop('work.md', `---\nworkspace: ${folder}\nmax_attempts: 1\n---\n\nDo it.\n`)
    await vi.waitFor(() => expect(story.requests.filter(({ body }) => body).length).toBeGreaterThanOrEqual(2))
    writeFileSync(join(folder, 'a.txt'), 'one more\n')
    writeFileSync(join(story.folder, 'go'), '')
    await story.reaches('done')
    const body = story.requests.at(-1)?.body as { messages: { role: string; content: string }[] } | undefined
    const said = body?.messages.map(({ role, content }) => `${role}: ${content}`) ?? []
    expect(said.at(-3)).toMatch(/^user: Files that you have read are different now.*\na\.txt$/)
    expect(said.at(-1)).toContain('changed since it was read')
    const told = story.daemon.store.events.after(0, 1_000).filter(({ type }) => type === 'files.changed')
    expect(told).toMatchObject([{ data: { paths: ['a.txt'] } }])
  })

  it('what the agent itself writes is no news', async () => {
    const world = await agentWorld([
      call('write', { file_path: 'a.txt', content: 'one' }),
      call('edit', { file_path: 'a.txt', old_string: 'one', new_string: 'two' }),
      call('bash', { command: 'sleep 0.1' }),
      { text: 'done' },
    ])
    await world.run('go')
    expect(world.entries().filter((entry) => entry.type === 'note')).toEqual([])
  })

  it('each state of a file is told once; a file that is gone, too', async () => {
    const { world, outside, news } = await watching('a.txt', 'sub/b.txt')
    expect(await outside.changed()).toEqual([])
    await writeFile(world.path('a.txt'), 'two\n')
    expect(await news()).toEqual([world.path('a.txt')])
    await rm(world.path('sub/b.txt'))
    expect(await news()).toEqual([world.path('sub/b.txt')])
    await writeFile(world.path('a.txt'), 'three\n')
    expect(await news()).toEqual([world.path('a.txt')])
  })

  it('what changed since an earlier turn is told at the start of the next', async () => {
    const world = await agentWorld([call('read', { file_path: 'a.txt' }), { text: 'read' }, { text: 'seen' }])
    await world.put('a.txt', 'one\n')
    await world.run('read it')
    await world.put('a.txt', 'two\n')
    await world.run('go on', { promptId: 'p2' })
    expect(world.messages().at(-1)).toMatchObject({ role: 'user', content: expect.stringMatching(/\na\.txt$/) })
  })

  it('files that are read later are watched from then on', async () => {
    const { world, seen, outside, news } = await watching()
    seen.set(await world.put('late/c.txt', 'one\n'), sha256('one\n'))
    outside.follow()
    await writeFile(world.path('late/c.txt'), 'two\n')
    expect(await news()).toEqual([world.path('late/c.txt')])
  })
})
