import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { FoundList, RuleList, SettingList } from '../../src/server/api.ts'
import { tell } from '../fakes/story.ts'

const settings = `concurrency:
  tasks: 2
models:
  providers:
    - { kind: openai, name: house, base_url: "http://ada:hunter22@127.0.0.1:9/v1", api_key_env: HOUSE_KEY, model: m }
permissions:
  - { tool: bash, command: "git push *", action: ask }
notify:
  sinks:
    - { kind: webhook, name: chat, url: "http://127.0.0.1:9/hooks/abcdefgh", secrets: [whsec_c2lnbiB3aXRoIHRoaXM=] }
`
const told = async () => {
  const story = await tell({ settings, env: { HOUSE_KEY: 'sk-of-the-house' } })
  return { ...story, read: async <T>(path: string) => (await (await story.call('GET', path)).json()) as T }
}

describe('settings over HTTP', () => {
  it('have the place that each came from, and every one that there is', async () => {
    const { folder, read } = await told()
    const { items, files } = await read<SettingList>('/api/settings')
    const of = (path: string) => items.find((item) => item.path === path)
    const file = join(folder, 'openloom.yaml')
    expect(files).toEqual([file])
    expect(of('concurrency.tasks')).toMatchObject({ value: 2, origin: { kind: 'file', file, line: 2 } })
    expect(of('data_dir')?.origin).toEqual({ kind: 'environment', variable: 'OPENLOOM_DATA_DIR' })
    expect(of('notify.sinks')?.origin).toEqual({ kind: 'environment', variable: null })
    expect(of('defaults.ask')).toMatchObject({ value: 'continue', origin: { kind: 'default' } })
    expect(of('defaults.ask_deadline_minutes')).toMatchObject({
      value: 4_320,
      about: expect.stringContaining('denied'),
    })
    expect(items.length).toBeGreaterThan(90)
  })

  it('tell whether a key is there and never the key, nor any other secret', async () => {
    const { read } = await told()
    const list = await read<SettingList>('/api/settings')
    expect(list.keys).toContainEqual({ provider: 'house', variable: 'HOUSE_KEY', from: 'environment' })
    const text = JSON.stringify(list)
    for (const secret of ['sk-of-the-house', 'hunter22', 'whsec_', 'abcdefgh']) expect(text).not.toContain(secret)
  })

  it('rules come list by list: those of a project only with its trust, else with why not', async () => {
    const { call, folder, workspace, read } = await told()
    const path = workspace()
    writeFileSync(join(path, 'openloom.yaml'), 'permissions:\n  - { tool: write, path: "secrets/**", action: deny }\n')
    const layers = async () => (await read<RuleList>('/api/rules')).items
    expect((await layers()).map(({ from }) => from)).toEqual(['default', 'user'])
    expect((await layers())[1]).toMatchObject({
      where: expect.stringContaining(join(folder, 'openloom.yaml')),
      rules: [{ tool: 'bash', command: 'git push *', action: 'ask' }],
    })
    await call('PUT', '/api/workspaces', { path, trust: 'trusted' })
    expect((await layers())[2]).toMatchObject({ from: 'project', rules: [{ action: 'deny' }], note: null })
    writeFileSync(join(path, 'openloom.yaml'), 'permissions: []\n')
    expect((await layers())[2]).toMatchObject({ from: 'project', note: expect.stringContaining('changed') })
  })
})

describe('what could work for us', () => {
  it('is found by programs, ports and names of keys; no key is shown and nothing is started', async () => {
    const story = await tell({ env: { OPENAI_API_KEY: 'sk-never-shown', OPENLOOM_BASE_URL: '', OPENLOOM_MODEL: '' } })
    const answer = await story.call('GET', '/api/found')
    const { items, file } = (await answer.json()) as FoundList
    expect(items.find(({ name }) => name === 'openai')).toMatchObject({
      ...{ state: 'usable', because: 'OPENAI_API_KEY is set' },
      change: { added: expect.arrayContaining([expect.stringContaining('api_key_env: OPENAI_API_KEY')]) },
    })
    expect(JSON.stringify(items)).not.toContain('sk-never-shown')
    expect(file).toBe(join(story.folder, '.config', 'openloom', 'config.yaml'))
  })

  it('names agents that OpenLoom does not run yet, and says what works instead', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'loom-found-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const mark = join(folder, 'was-started')
    for (const name of ['claude', 'opencode']) {
      writeFileSync(join(folder, name), `#!/bin/sh\ntouch ${mark}\n`, { mode: 0o755 })
    }
    const story = await tell({ env: { PATH: `${folder}:${process.env.PATH}` } })
    const { items } = (await (await story.call('GET', '/api/found')).json()) as FoundList
    expect(items.map(({ name, state }) => [name, state])).toEqual([
      ['OpenCode', 'usable'],
      ['Claude Code', 'foreign'],
    ])
    expect(existsSync(mark)).toBe(false)
  })
})
