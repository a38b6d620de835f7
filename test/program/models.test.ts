/** Verbs about models and keys, as the built program has them; and where a key can be found afterwards. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { startScriptedModel } from '../../src/sample/scripted-model.ts'
import { sse, startRawServer, status } from '../fakes/raw-server.ts'

const program = new URL('../../dist/main.js', import.meta.url).pathname
const planted = 'planted-key-"7f3a9c2e"'

interface World {
  home: string
  /** Everything that the program printed so far. */
  printed: string[]
  cli(args: string[], more?: { input?: string; env?: Record<string, string> }): Promise<{ code: number; out: string }>
}

function world(settings = ''): World {
  const home = mkdtempSync(join(tmpdir(), 'loom-models-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  mkdirSync(join(home, 'work'))
  const own = join(home, '.config', 'openloom')
  mkdirSync(own, { recursive: true })
  if (settings) writeFileSync(join(own, 'config.yaml'), settings)
  const printed: string[] = []
  return {
    home,
    printed,
    cli(args, { input = '', env = {} } = {}) {
      const base = {
        PATH: process.env.PATH,
        HOME: home,
        OPENLOOM_DATA_DIR: join(home, 'data'),
        OPENLOOM_KEYCHAIN: 'off',
      }
      const child = spawn(process.execPath, [program, ...args], {
        cwd: join(home, 'work'),
        env: { ...base, OPENLOOM_OPENCODE_URL: 'http://127.0.0.1:9', ...env },
      })
      let out = ''
      child.stdout.on('data', (part) => {
        out += part
      })
      child.stderr.on('data', (part) => printed.push(String(part)))
      child.stdin.end(input)
      return new Promise((resolve) =>
        child.on('close', (code) => {
          printed.push(out)
          resolve({ code: code ?? -1, out })
        }),
      )
    },
  }
}

const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())

describe('SE-5 a stored key', () => {
  it('is in one file of mode 0600 and in nothing that was printed, refused or logged', async () => {
    const script = { api_key: planted, replies: [{ text: 'done' }], at_end: 'repeat' as const }
    const model = await startScriptedModel({ script, clock: systemClock })
    onTestFinished(() => model.close())
    const echo = await startRawServer(status(401, { error: { message: `wrong key ${planted}` } }))
    const said = (part: object) => ({ choices: [{ delta: part, finish_reason: null }] })
    const called = { index: 0, id: planted, function: { name: 'read', arguments: JSON.stringify({ path: planted }) } }
    const over = { choices: [{ delta: {}, finish_reason: 'stop' }] }
    const replies = [
      sse(said({ content: 'a', reasoning: planted }), said({ tool_calls: [called] }), over),
      sse(said({ content: `sent ${planted.slice(0, 14)}` }), said({ content: planted.slice(14) }), over),
    ]
    const talks = await startRawServer((response, request) => {
      const answer = request.path.endsWith('/models') ? status(404, {}) : replies.shift()
      return answer?.(response, request)
    })
    const provider = (name: string, url: string) =>
      `    - { kind: openai, name: ${name}, base_url: "${url}", model: scripted-model }\n`
    const urls = { local: model.url, echo: echo.url, talks: talks.url }
    const providers = Object.entries(urls).map(([name, url]) => provider(name, url))
    const { home, printed, cli } = world(`models:\n  debug: true\n  providers:\n${providers.join('')}`)
    for (const name of Object.keys(urls)) {
      expect((await cli(['secret', 'set', name], { input: `${planted}\n` })).code).toBe(0)
      expect((await cli(['secret', 'list'])).out).toContain(name)
    }
    expect((await cli(['run', '-p', 'go', '--model', 'echo/scripted-model'])).code).toBe(4)
    expect((await cli(['models', 'test', 'echo', '--json'])).out).toContain('401')
    expect(echo.seen.some(({ headers }) => headers.authorization === `Bearer ${planted}`)).toBe(true)
    expect((await cli(['run', '-p', 'go', '--model', 'talks/scripted-model'])).out).toBe('a\nsent [key]\n')
    const forms = [planted, JSON.stringify(planted).slice(1, -1)]
    const holds = (text: string) => forms.some((form) => text.includes(form))
    const found = () => filesOf(join(home, 'data')).filter((path) => holds(readFileSync(path, 'latin1')))
    expect(found()).toEqual([join(home, 'data', 'secrets.json')])
    // The prompt itself is the person's word and stays in the store; the key of the provider is in it only from here.
    expect(await cli(['run', '-p', `say ${planted}`])).toMatchObject({ code: 0, out: 'done\n' })
    expect(found().filter((path) => !/openloom\.db/.test(path))).toEqual([join(home, 'data', 'secrets.json')])
    expect(filesOf(join(home, 'data', 'debug'))).toHaveLength(3)
    expect(printed.filter(holds)).toEqual([])
    expect(statSync(join(home, 'data', 'secrets.json')).mode & 0o777).toBe(0o600)
    expect((await cli(['secret', 'remove', 'local'])).code).toBe(0)
    expect((await cli(['secret', 'remove', 'local'])).code).toBe(1)
    expect((await cli(['models', 'test', 'local'])).code).toBe(4)
  })

  it('never reaches the store, and is one line that has a proper name', async () => {
    const script = { api_key: planted, replies: [{ text: 'done' }], at_end: 'repeat' as const }
    const model = await startScriptedModel({ script, clock: systemClock })
    onTestFinished(() => model.close())
    const { home, cli } = world()
    const env = { OPENLOOM_BASE_URL: model.url, OPENLOOM_MODEL: 'scripted-model' }
    await cli(['secret', 'set', 'env'], { input: planted })
    expect((await cli(['run', '-p', 'go'], { env })).code).toBe(0)
    const found = filesOf(join(home, 'data')).filter((path) => readFileSync(path, 'latin1').includes('7f3a9c2e'))
    expect(found).toEqual([join(home, 'data', 'secrets.json')])
    expect((await cli(['secret', 'set', '../x'], { input: planted })).code).toBe(1)
    expect((await cli(['secret', 'set', 'y'], { input: '\n' })).code).toBe(1)
    expect(JSON.parse((await cli(['secret', 'list', '--json'])).out)).toEqual([{ name: 'env', place: 'file' }])
  })
})

describe('PV-1 the order of keys', () => {
  it('named variable, stored secret, OPENLOOM_API_KEY, variable of the kind', async () => {
    const { url, seen } = await startRawServer(status(401, {}))
    const { cli } = world(
      `models: { providers: [{ kind: anthropic, name: c, base_url: "${url}", model: m, api_key_env: NAMED }] }`,
    )
    const sent = async (env: Record<string, string>) => {
      await cli(['models', 'test'], { env })
      return seen.at(-1)?.headers['x-api-key']
    }
    const all = { ANTHROPIC_API_KEY: 'of-kind', OPENAI_API_KEY: 'of-another-kind' }
    expect(await sent({ OPENAI_API_KEY: 'of-another-kind' })).toBe(undefined)
    expect(await sent(all)).toBe('of-kind')
    expect(await sent({ ...all, OPENLOOM_API_KEY: 'of-all' })).toBe('of-all')
    await cli(['secret', 'set', 'c'], { input: 'stored-one' })
    expect(await sent({ ...all, OPENLOOM_API_KEY: 'of-all' })).toBe('stored-one')
    expect(await sent({ ...all, NAMED: 'named-one' })).toBe('named-one')
  })
})

describe('PV-2 openloom models', () => {
  it('lists models with what is known of them, the default marked, and tests a provider', async () => {
    const list = { data: [{ id: 'a', context_length: 8_192 }, { id: 'b' }] }
    const { url } = await startRawServer(status(200, list))
    const price = 'price: { b: { input: 1, output: 2 } }'
    const { cli } = world(`models:\n  providers:\n    - { kind: openai, name: one, base_url: "${url}", ${price} }\n`)
    const listed = await cli(['models'])
    expect(listed.out.split('\n').slice(0, 2)).toEqual([
      '* one/a  8192 tokens  price unknown',
      '  one/b  context unknown  1 in, 2 out per million',
    ])
    expect(JSON.parse((await cli(['models', '--json'])).out)).toMatchObject({
      models: [{ model: 'a', isDefault: true, contextTokens: 8_192, price: null }, { model: 'b' }],
      problems: [],
      offered: [],
    })
    expect((await cli(['models', 'test', 'nobody'])).code).toBe(2)
  })

  it('PV-7 a wrong key is told as 401, with exit code 4', async () => {
    const { url } = await startRawServer(status(401, { error: { message: 'bad key' } }))
    const { cli } = world(`models: { providers: [{ kind: openai, name: one, base_url: "${url}", model: m }] }`)
    const tested = await cli(['models', 'test', 'one'])
    expect(tested).toMatchObject({ code: 4, out: expect.stringMatching(/failed {2}one\/m .*401/) })
    const json = JSON.parse((await cli(['models', 'test', '--json'])).out)
    expect(json).toMatchObject([{ provider: 'one', model: 'm', problem: { kind: 'model-key-refused' } }])
  })

  it('offers what the environment has and uses none of it unasked', async () => {
    const { home, cli } = world()
    const env = { ANTHROPIC_API_KEY: 'sk-ant-planted', GEMINI_API_KEY: 'g-planted-1', GOOGLE_API_KEY: 'g-planted-2' }
    const listed = await cli(['models'], { env })
    expect(listed.out).toContain('No provider is configured.')
    const offer = '- { kind: "anthropic", name: "anthropic", api_key_env: "ANTHROPIC_API_KEY" }'
    expect(listed.out).toContain(`${offer}   # ANTHROPIC_API_KEY is set`)
    expect(listed.out.match(/kind: "gemini"/g)).toHaveLength(1)
    expect((await cli(['doctor'], { env })).out).toContain(offer)
    expect((await cli(['run', '-p', 'go'], { env })).code).toBe(4)
    await cli(['init'], { env })
    const written = readFileSync(join(home, 'work', 'openloom.yaml'), 'utf8')
    expect(written).toContain(`#     ${offer}`)
    expect(written + listed.out).not.toContain('planted')
    writeFileSync(join(home, 'work', 'openloom.yaml'), `models:\n  providers:\n    ${offer}\n`)
    expect((await cli(['config', 'show'])).code).toBe(0)
  })
})
