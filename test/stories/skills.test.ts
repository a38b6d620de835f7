/** Skills through the whole daemon: run by the API, with the tools they name, and judged by files alone. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { SkillDetail, SkillList } from '../../src/core/task.ts'
import { type Story, tell } from '../fakes/story.ts'

const greet = `---
name: Greet
version: 1
parameters:
  - { name: whom, type: string, required: true }
required_tools: [read, write]
limits: { attempts: 1 }
---
# Goal
Greet {{whom}}.

# Verification
- file: {{whom}}.txt
`
const greetWrites = (file_path: string) => ({
  tool_calls: [{ name: 'write', arguments: { file_path, content: 'hi' } }],
})
/** Requests for a reply; the list of models is asked for without a body. */
const said = (story: Story) =>
  story.requests.flatMap(({ body }) => (body ? [body as { tools?: { function: { name: string } }[] }] : []))

async function run(story: Story, body: object, headers: Record<string, string> = {}) {
  const response = await story.call('POST', '/api/skills/greet/run', body, headers)
  return { status: response.status, ...((await response.json()) as { id: string; problems?: { kind: string }[] }) }
}

describe('a skill', () => {
  it('SK-4 SK-5 is written, run and done by its check; it fails where the agent only says so', async () => {
    const lies = { text: 'Done, it is greeted.' }
    const story = await tell({
      script: { replies: [greetWrites('Ada.txt'), { text: 'Done.' }, lies], at_end: 'repeat' },
    })
    const folder = story.workspace()
    const put = await story.call('PUT', '/api/skills/greet', { text: greet, seen: null })
    expect(put.status).toBe(200)
    expect(existsSync(join(story.folder, '.config', 'openloom', 'skills', 'greet.md'))).toBe(true)
    const first = await run(story, { folder, parameters: { whom: 'Ada' } })
    const { task } = await story.reaches('done', first.id)
    expect(task).toMatchObject({
      title: 'Greet (whom=Ada)',
      verdict: 'verified',
      spec: { skill: { name: 'greet', version: 1 } },
    })
    expect(
      said(story)
        .find(Boolean)
        ?.tools?.map((tool) => tool.function.name),
    ).toEqual(['read', 'write'])
    const second = await run(story, { folder, parameters: { whom: 'Bob' } })
    expect((await story.reaches('failed', second.id)).task.verdict).toBe('refuted')
    const detail = (await (await story.call('GET', '/api/skills/greet')).json()) as SkillDetail
    expect(detail.runs.map(({ id, verdict }) => [id, verdict])).toEqual([
      [second.id, 'refuted'],
      [first.id, 'verified'],
    ])
  })

  it('SK-3 is refused before any model call: no value, no such tool; and twice with one key is one run', async () => {
    const story = await tell()
    const folder = story.workspace()
    await story.call('PUT', '/api/skills/greet', { text: greet, seen: null })
    expect(await run(story, { folder })).toMatchObject({ status: 422, problems: [{ kind: 'parameter-missing' }] })
    const unheard = greet.replace('[read, write]', '[read, telepathy]')
    const { sha256: seen } = (await (await story.call('GET', '/api/skills/greet')).json()) as SkillDetail
    await story.call('PUT', '/api/skills/greet', { text: unheard, seen })
    const wanted = { folder, parameters: { whom: 'Ada' } }
    const [one, two] = [
      await run(story, wanted, { 'idempotency-key': 'k' }),
      await run(story, wanted, { 'idempotency-key': 'k' }),
    ]
    expect(two.id).toBe(one.id)
    const { task } = await story.reaches('waiting', one.id)
    expect(task.reason?.text).toContain('telepathy')
    expect(said(story).filter((body) => body?.tools)).toEqual([])
  })

  it('SK-3 what is denied stays denied, though the skill names the tool (W5)', async () => {
    const story = await tell({
      script: { replies: [greetWrites('Ada.txt'), { text: 'done' }], at_end: 'repeat' },
      settings: 'permissions:\n  - { tool: write, path: "*.txt", action: deny }\n',
    })
    const folder = story.workspace()
    await story.call('PUT', '/api/skills/greet', { text: greet, seen: null })
    const { id } = await run(story, { folder, parameters: { whom: 'Ada' } })
    await story.reaches('failed', id)
    expect(existsSync(join(folder, 'Ada.txt'))).toBe(false)
  })

  it('PM-2 is stopped before its first model call where rules deny a tool that it needs', async () => {
    const deny = '  - { tool: write, action: deny }\n  - { tool: write, path: secrets/**, action: deny }\n'
    const story = await tell({ settings: `permissions:\n${deny}` })
    const folder = story.workspace()
    await story.call('PUT', '/api/skills/greet', { text: greet, seen: null })
    const { id } = await run(story, { folder, parameters: { whom: 'Ada' } })
    const { task } = await story.reaches('waiting', id)
    expect(task.reason).toMatchObject({ code: 'denied-tools', text: expect.stringMatching(/rules deny: write\./) })
    expect(said(story).filter(Boolean)).toEqual([])
  })

  it('SK-3 of a project runs there once a person trusts it, and not before', async () => {
    const story = await tell({ script: { replies: [greetWrites('Ada.txt'), { text: 'Done.' }], at_end: 'repeat' } })
    const folder = story.workspace()
    mkdirSync(join(folder, '.openloom', 'skills'), { recursive: true })
    writeFileSync(join(folder, '.openloom', 'skills', 'greet.md'), greet)
    const body = { workspace: folder, parameters: { whom: 'Ada' } }
    expect((await run(story, body)).status).toBe(422)
    await story.call('PUT', '/api/workspaces', { path: folder, trust: 'untrusted' })
    const list = (await (await story.call('GET', `/api/skills?workspace=${folder}`)).json()) as SkillList
    expect(list.items).toMatchObject([{ name: 'greet', barred: { kind: 'skill-untrusted' } }])
    expect((await run(story, body)).problems).toMatchObject([{ kind: 'skill-untrusted' }])
    await story.call('PUT', '/api/workspaces', { path: folder, trust: 'trusted' })
    const { id } = await run(story, body)
    const { task } = await story.reaches('done', id)
    expect(task).toMatchObject({ workspace: folder, verdict: 'verified', spec: { skill: { workspace: folder } } })
  })

  it('SK-3 a task narrows its tools by itself, and only where they are ours to leave out', async () => {
    const story = await tell()
    const workspace = story.workspace()
    const preview = async (body: object) => {
      const answer = await story.call('POST', '/api/tasks/preview', body)
      return (await answer.json()) as { spec: { tools?: string[] }; problems: { kind: string }[] }
    }
    const written = await preview({ markdown: `workspace: ${workspace}\ntools: read, grep\n\nLook.\n` })
    expect([written.spec.tools, written.problems]).toEqual([['read', 'grep'], []])
    const elsewhere = await preview({ goal: 'Look.', workspace, tools: ['read'], runtime: 'opencode' })
    expect(elsewhere.problems.map(({ kind }) => kind)).toContain('tools-not-narrowed')
    const skill = { name: 'greet', sha256: '' }
    expect((await preview({ goal: 'Look.', workspace, skill })).problems).toMatchObject([{ kind: 'unknown-key' }])
  })

  it('says what is wrong while it is written, with the line, and its checks by the words of tasks', async () => {
    const story = await tell()
    const read = async (text: string) =>
      (await (await story.call('POST', '/api/skills/preview', { text })).json()) as SkillDetail
    expect((await read(greet)).problems).toEqual([])
    expect((await read('---\nrequired_tools: all\n---\nx')).problems).toMatchObject([{ line: 2 }])
    const long = await read(`${greet}\n# Notes\n\n${'Word. '.repeat(1_000)}`)
    expect(long.skill?.sections.map(({ title }) => title)).toEqual(['Goal', 'Verification', 'Notes'])
    const misspelt = '---\nchecks: [{ kind: fil_exists, path: a }]\n---\nx'
    expect(await read(misspelt)).toMatchObject({ skill: null, problems: [{ text: expect.stringContaining('checks') }] })
  })
})
