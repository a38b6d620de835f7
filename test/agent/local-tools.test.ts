import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { LocalTools } from '../../src/agent/local-tools.ts'
import type { Policy } from '../../src/agent/permission/engine.ts'
import { openRunner } from '../../src/cli/runner.ts'
import { loadConfig } from '../../src/config.ts'
import type { SessionRecord } from '../../src/core/session.ts'
import type { AnyTool } from '../../src/core/tool.ts'
import { readToolFiles } from '../../src/lib/project/tools.ts'
import { unconfined } from '../../src/lib/sandbox/sandbox.ts'
import { hasBwrap, sandboxWorld } from '../fakes/sandbox.ts'
import { tell } from '../fakes/story.ts'
import { toolWorld } from '../fakes/tool-world.ts'

const count = `export default {
  description: 'Counts the words of a text.',
  parameters: {
    type: 'object',
    properties: { text: { type: 'string', description: 'What to count.' } },
    required: ['text'],
  },
  readOnly: true,
  run: ({ text }) => String(text.split(/\\s+/).length),
}
`
const tool = (body: string, more = '') =>
  `export default { description: 'A tool.', parameters: { type: 'object' }, ${more}
  run: async (input, { workspace }) => { ${body} } }`

/** A project with these tools, all of them taken. */
const until = <T>(look: () => T | undefined) =>
  vi.waitFor(
    () => {
      const found = look()
      if (found === undefined) throw new Error('not yet')
      return found
    },
    { timeout: 8_000, interval: 20 },
  )

async function project(files: Record<string, string>) {
  const world = await toolWorld([])
  for (const [name, text] of Object.entries(files)) await world.put(`.openloom/tools/${name}`, text)
  const { workspace, env, owner } = world.context
  const notices: string[] = []
  const local = new LocalTools({
    ...{ env, owner, confine: () => unconfined, taken: new Set(['bash']) },
    notice: (_, text) => notices.push(text),
  })
  const found = await readToolFiles(workspace)
  const policy: Policy = { layers: {}, trust: 'trusted', access: 'scoped', ...(found ? { tools: found } : {}) }
  const session = { id: 's1', workspace } as Parameters<typeof local.of>[0]
  const tools = await local.of(session, policy)
  const use = (name: string, input: Record<string, unknown> = {}) => {
    const one = tools.find((made) => made.name === name) as AnyTool
    return one.run(one.schema.parse(input), world.context)
  }
  return { ...world, tools, use, notices }
}

describe('TL-9 tools of a project', () => {
  it('a tool of ten lines is called by the model, in a project that a person trusts', async () => {
    const call = { name: 'count_words', arguments: { text: 'a b c' } }
    const story = await tell({ script: [{ tool_calls: [call] }, { text: 'done' }] })
    const folder = story.workspace()
    mkdirSync(join(folder, '.openloom/tools'), { recursive: true })
    writeFileSync(join(folder, '.openloom/tools/count-words.mjs'), count)
    const work = async (name: string) => {
      story.drop(name, `---\nworkspace: ${folder}\n---\n\nDo ${name}.\n`)
      const id = await until(
        () => story.daemon.store.tasks.page({ limit: 1 }).items.find(({ title }) => title.includes(name))?.id,
      )
      await story.reaches('done', id)
      const body = story.requests.at(-1)?.body as { messages?: { role: string; content: string }[] } | undefined
      const messages = body?.messages ?? []
      return messages.filter(({ role }) => role === 'tool').map(({ content }) => content)
    }
    expect(await work('one.md')).toEqual([expect.stringContaining('There is no tool "count_words"')])
    const ignored = story.daemon.store.events.after(0, 1_000).filter(({ type }) => type === 'workspace.ignored')
    expect(ignored).toMatchObject([{ data: { summary: expect.stringContaining('Nobody took its tools') } }])
    const said = await story.call('PUT', '/api/workspaces', { path: folder, trust: 'trusted' })
    expect(await said.json()).toMatchObject({ tools: ['count-words'] })
    expect(await work('two.md')).toEqual(['3'])
    writeFileSync(join(folder, '.openloom/tools/count-words.mjs'), `${count}// changed\n`)
    expect(await work('three.md')).toEqual([expect.stringContaining('There is no tool')])
  })

  it('PM-5 it runs no more in a run under way once the project is not trusted any longer', async () => {
    const calls = [
      { name: 'bash', arguments: { command: 'true' } },
      { name: 'count_words', arguments: { text: 'a b' } },
    ]
    const asks = 'permissions:\n  - { tool: bash, action: ask }\n'
    const story = await tell({ settings: asks, script: [{ tool_calls: calls }, { text: 'done' }] })
    const folder = story.workspace()
    mkdirSync(join(folder, '.openloom/tools'), { recursive: true })
    writeFileSync(join(folder, '.openloom/tools/count-words.mjs'), count)
    await story.call('PUT', '/api/workspaces', { path: folder, trust: 'trusted' })
    story.drop('work.md', `---\nworkspace: ${folder}\nask: wait\n---\n\nDo it.\n`)
    const ask = await until(() => story.daemon.store.asks.list({ status: 'open', limit: 1 })[0])
    await story.call('PUT', '/api/workspaces', { path: folder, trust: 'untrusted' })
    await story.call('POST', `/api/asks/${ask.id}`, { reply: 'once' })
    await story.reaches('done')
    const body = story.requests.at(-1)?.body as { messages?: { role: string; content: string }[] } | undefined
    const told = (body?.messages ?? []).filter(({ role }) => role === 'tool').map(({ content }) => content)
    expect(told[1]).toContain('the trust that a person gave this workspace does not allow count_words')
  })

  it('checks arguments by its schema, and says whether it only reads', async () => {
    const { tools, use } = await project({ 'count-words.mjs': count, 'save.mjs': tool('return 1') })
    expect(tools.map((one) => [one.name, one.isReadOnly({})])).toEqual([
      ['count_words', true],
      ['save', false],
    ])
    expect(tools[0]?.schema.safeParse({ text: 3 }).success).toBe(false)
    expect(tools[0]?.schema.safeParse({ text: 'a', more: 1 }).success).toBe(false)
    expect(await use('count_words', { text: 'a b' })).toMatchObject({ ok: true, output: '2' })
  })

  it('a bad file is told of, and the others are there', async () => {
    const { tools, notices } = await project({
      'a-syntax.mjs': 'export default {',
      'b-throws.mjs': 'throw new Error("no luck")',
      'c-empty.mjs': 'export const x = 1',
      'd-schema.mjs': `export default { description: 'x', parameters: { type: 'array' }, run() {} }`,
      'e-bash.mjs': tool('', `name: 'bash',`),
      'f-silent.mjs': 'process.exit(0)',
      'good.mjs': tool('return workspace'),
    })
    expect(tools.map(({ name }) => name)).toEqual(['good'])
    expect(notices).toHaveLength(6)
    expect(notices[1]).toBe('.openloom/tools/b-throws.mjs is not offered as a tool: no luck')
    expect(notices[4]).toContain('There is a tool bash already')
  })

  it('runs outside of the daemon, with a limit of time, and what it prints is no result', async () => {
    const { use, context } = await project({
      'pid.mjs': tool('console.log("noise"); return { pid: process.pid, workspace, home: process.env.OPENLOOM_TOKEN }'),
      'slow.mjs': tool('await new Promise((end) => setTimeout(end, 60_000))', 'timeoutMs: 1_000,'),
      'fails.mjs': tool('throw new Error("bad luck")'),
      'long.mjs': tool('return "x".repeat(500_000)', 'outputCharsMax: 1_000,'),
    })
    const { pid, workspace } = JSON.parse((await use('pid')).output)
    expect([pid === process.pid, workspace]).toEqual([false, context.workspace])
    expect(await use('slow')).toMatchObject({ ok: false, output: 'It took longer than 1000 ms.' })
    expect(await use('fails')).toMatchObject({ ok: false, output: 'bad luck' })
    const long = await use('long')
    expect(long.output.length).toBeLessThan(1_300)
    expect(readFileSync(String(long.facts?.file), 'utf8')).toHaveLength(500_000)
  })

  it('a file that changed since it was taken is not run', async () => {
    const { use, put, path } = await project({ 'touch.mjs': tool('return 1') })
    await put(
      '.openloom/tools/touch.mjs',
      `${tool('return 2')}\nimport('node:fs').then((fs) => fs.writeFileSync('x', ''))`,
    )
    expect(await use('touch')).toMatchObject({ ok: false, output: expect.stringContaining('changed since') })
    expect(existsSync(path('x'))).toBe(false)
  })

  it.each(['lib/helper.mjs', 'helper.js', 'data.json'])(
    'is not run any more when what it may load changes: %s',
    async (name) => {
      const { use, put } = await project({
        'a.mjs': tool(`const fs = await import('node:fs'); return fs.readFileSync('.openloom/tools/${name}', 'utf8')`),
        [name]: 'good',
      })
      expect(await use('a')).toMatchObject({ ok: true, output: 'good' })
      await put(`.openloom/tools/${name}`, 'evil')
      expect(await use('a')).toMatchObject({ ok: false, output: expect.stringContaining('changed since') })
    },
  )

  it('none is offered beside what cannot be compared', async () => {
    const world = await toolWorld([])
    await world.put('.openloom/tools/a.mjs', tool('return 1'))
    expect((await readToolFiles(world.context.workspace))?.files).toHaveLength(1)
    symlinkSync('/tmp', world.path('.openloom/tools/lib'))
    expect(await readToolFiles(world.context.workspace)).toMatchObject({
      files: [],
      left: [{ name: 'lib', why: expect.stringContaining('it is a link') }],
    })
  })

  it('a file that only looks like a tool is told of, with the reason', async () => {
    const { tools, notices } = await project({
      'a.ts': 'x',
      'b.c.mjs': 'x',
      'd.js': 'x',
      'large.mjs': `//${'x'.repeat(300_000)}`,
      'lib/helper.mjs': 'x',
      'README.md': 'x',
    })
    expect([tools, notices]).toEqual([
      [],
      [
        '.openloom/tools/a.ts is not offered as a tool: a tool is a file that ends in .mjs.',
        '.openloom/tools/b.c.mjs is not offered as a tool: its name may hold letters, digits, _ and - alone.',
        '.openloom/tools/d.js is not offered as a tool: a tool is a file that ends in .mjs.',
        '.openloom/tools/large.mjs is not offered as a tool: it is larger than 262144 bytes.',
      ],
    ])
  })

  it('a folder that leads out of the project brings none', async () => {
    const world = await toolWorld([])
    const out = join(dirname(world.context.workspace), 'out')
    mkdirSync(join(out, 'tools'), { recursive: true })
    writeFileSync(join(out, 'tools', 'a.mjs'), count)
    symlinkSync(out, world.path('.openloom'))
    expect(await readToolFiles(world.context.workspace)).toBeNull()
  })
})

it('TL-9 a run of one’s own says of tools that nobody took that they are left out', async () => {
  const story = await tell({ settings: '' })
  const env = { HOME: story.folder, OPENLOOM_DATA_DIR: join(story.folder, 'other'), OPENLOOM_SANDBOX_MODE: 'off' }
  const loaded = loadConfig({ cwd: story.folder, env })
  if (!loaded.ok) throw new Error('bad settings')
  const runner = await openRunner(loaded.value, { env, allow: [], deny: [], stepsMax: null })
  if (!runner.ok) throw new Error('no runner')
  const said: string[] = []
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0)
  const workspace = story.workspace()
  mkdirSync(join(workspace, '.openloom/tools'), { recursive: true })
  writeFileSync(join(workspace, '.openloom/tools/count-words.mjs'), count)
  await runner.value.talk.policyOf({ id: 's1', taskId: null, workspace } as SessionRecord)
  vi.restoreAllMocks()
  await runner.value.close()
  expect(said.join('')).toBe(
    'The tools in ./.openloom/tools are not taken.\n  Look at them, then say `openloom trust` here.\n',
  )
})

describe.runIf(hasBwrap)('TL-9 in the sandbox', () => {
  it('a tool of a project reaches what a command reaches', async () => {
    const box = await sandboxWorld()
    mkdirSync(join(box.workspace, '.openloom/tools'), { recursive: true })
    const peek = tool(`const fs = await import('node:fs'); return fs.readdirSync('${box.dataDir}').join()`)
    writeFileSync(join(box.dataDir, 'secret'), '')
    writeFileSync(join(box.workspace, '.openloom/tools/peek.mjs'), peek)
    const world = await toolWorld([])
    const confinement = box.sandbox.confine({ workspace: box.workspace, writable: true, owner: 'r-1' })
    Object.assign(world.context, { workspace: box.workspace, confinement })
    const local = new LocalTools({
      ...{ env: world.context.env, owner: world.context.owner, confine: () => confinement, taken: new Set<string>() },
      notice: (_, text) => expect(text).toBe('no notice'),
    })
    const policy = { layers: {}, trust: 'trusted', access: 'scoped' } as const
    const taken = await readToolFiles(box.workspace)
    const session = { id: 's1', workspace: box.workspace } as Parameters<typeof local.of>[0]
    const [made] = await local.of(session, taken ? { ...policy, tools: taken } : policy)
    expect(await made?.run({}, world.context)).toMatchObject({ ok: false, output: expect.stringContaining('ENOENT') })
  })
})
