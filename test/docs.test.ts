/** The documents against the product: what they name exists, and what exists is named. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkers } from '../src/checks/index.ts'
import { configSchema, grammar, intakeSettings, jsonSchema, loadConfig, readSpecFile } from '../src/config.ts'
import { originalNames } from '../src/core/event.ts'
import { flattenChecks } from '../src/core/spec.ts'
import { dispatchMarkdown } from '../src/inbox/dispatch.ts'
import { variables } from '../src/lib/environment.ts'
import { createApp } from '../src/server/app.ts'
import type { ServerWorld } from '../src/server/context.ts'
import { anchorsOf, docsComplaints, leavesOf, optionsOf, verbsOf } from './docs.ts'

const root = join(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const pages = [
  ...['README.md', 'AGENTS.md', 'CHANGELOG.md', 'inbox/README.md'],
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => join('docs', path)),
]
const specs = readdirSync(join(root, 'specs'))
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => `specs/${name}`)
const named = (text: string): Set<string> =>
  new Set([...text.matchAll(/OPENLOOM_[A-Z]+(?:_[A-Z]+)*/g)].map((m) => m[0]))

function brokenLinks(path: string): string[] {
  const links = [...read(path).matchAll(/\]\(([^)#\s]*)(?:#([^)]*))?\)/g)]
  return links.flatMap(([link, to = '', anchor]) => {
    if (/^https?:/.test(to)) return []
    const target = to === '' ? path : join(dirname(path), to)
    if (!existsSync(join(root, target))) return [`${path}: ${link}`]
    return anchor === undefined || anchorsOf(read(target)).has(anchor) ? [] : [`${path}: ${link}`]
  })
}

describe('the reference', () => {
  it('has the schema that the program has', () => {
    expect(JSON.parse(read('docs/reference/openloom.schema.json'))).toEqual(jsonSchema())
  })
  it('has the API that the program serves', async () => {
    const version = (JSON.parse(read('package.json')) as { version: string }).version
    const auth = { isToken: () => true, isCookie: () => false }
    const world = { auth, version } as unknown as ServerWorld
    const app = createApp(world, { hosts: () => ['localhost'], cookieName: () => 'c', webDir: join(root, 'none') })
    const headers = { host: 'localhost', authorization: 'Bearer token' }
    const answer = await app.request('http://localhost/api/openapi.json', { headers })
    expect(JSON.parse(read('docs/reference/openapi.json'))).toEqual(await answer.json())
  })
  it('has every verb and option of the program', () => {
    const [page, main] = [read('docs/reference/cli.md'), read('src/main.ts')]
    expect([...main.matchAll(/\.(?:required)?[oO]ption\('([^']+)'/g)].length).toBeGreaterThan(40)
    for (const [, option] of main.matchAll(/\.(?:required)?[oO]ption\('([^']+)'/g)) expect(page).toContain(option)
    for (const [, verb] of main.matchAll(/\.command\('([a-z-]+)/g)) expect([...verbsOf(page)]).toContain(verb)
  })
})

describe('the guides', () => {
  it('name every setting, and no other', () => {
    const leaves = leavesOf(configSchema.partial()).map((path) =>
      path.replace(/^sources\.(inbox|api|webhook|spec|cli)\./, 'sources.<source>.'),
    )
    const table = read('docs/guide/configuration.md').split('## Settings')[1]?.split('### Models')[0] ?? ''
    const rows = [...table.matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1])
    expect(rows.sort()).toEqual([...new Set(leaves)].sort())
  })
  it('name every key of a provider and a runtime', () => {
    const page = read('docs/guide/configuration.md')
    const { $defs } = jsonSchema() as { $defs: Record<string, { properties: Record<string, unknown> }> }
    const makers = ['OpenAiResponsesProvider', 'AnthropicProvider', 'GeminiProvider', 'OllamaProvider']
    const others = ['OpenAiProvider', 'BuiltinRuntime', 'ModelPrice', 'ModelPurpose', 'PermissionRule']
    for (const def of [...makers, ...others]) {
      for (const key of Object.keys($defs[def]?.properties ?? { missing: def }))
        expect(page).toMatch(new RegExp(`\\b${key}\\b`))
    }
  })
  it('name every environment variable, and no other', () => {
    const page = named(read('docs/guide/configuration.md'))
    const source = named(read('src/lib/environment.ts'))
    expect(variables.length).toBeGreaterThan(10)
    expect([...source].filter((name) => name !== 'OPENLOOM_NOTIFY' && !page.has(name))).toEqual([])
    const readers = [
      'src/config.ts',
      'src/daemon.ts',
      'src/agent/providers/keys.ts',
      'src/cli/client.ts',
      'src/runtimes/opencode/index.ts',
    ].map(read)
    const all = named([...readers, read('src/lib/environment.ts')].join('\n'))
    expect([...page].filter((name) => !all.has(name))).toEqual([])
  })
  it('name every event that people are told of', () => {
    const page = read('docs/guide/notifications.md')
    expect(Object.keys(originalNames).filter((type) => !page.includes(type))).toEqual([])
  })
  it('show an inbox task that is accepted as it stands', () => {
    const examples = [read('README.md'), read('docs/guide/inbox.md'), read('inbox/README.md')].map(
      (text) => /```markdown\n([\s\S]*?)\n```/.exec(text)?.[1] ?? '',
    )
    for (const text of examples) {
      const parsed = dispatchMarkdown(text, grammar)
      expect(parsed).toMatchObject({ ok: true, value: { workspace: expect.stringMatching(/^~/) } })
    }
  })
})

describe('the examples', () => {
  it('are at least three', () => expect(specs.length).toBeGreaterThanOrEqual(3))
  it.each(specs)('%s is a task with checks that can be run', (path) => {
    expect(read(path).split('\n')[0]).toBe('# yaml-language-server: $schema=../docs/reference/openloom.schema.json')
    const spec = readSpecFile(join(root, path))
    if (!spec.ok) throw new Error(JSON.stringify(spec.problems))
    const checks = flattenChecks(spec.value)
    expect(checks.length).toBeGreaterThan(0)
    for (const { spec: check } of checks) {
      const checker = checkers.find((one) => one.kind === check.kind)
      expect(checker?.describe(check)).toBeTruthy()
    }
  })
  it('include settings for this folder that hold and keep the sample', () => {
    const loaded = loadConfig({ cwd: root, env: { HOME: join(root, 'none') } })
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
    expect(loaded.value.config.models.providers).toEqual([])
    expect(loaded.value.config.sample).toBe('auto')
    const { policies } = intakeSettings(loaded.value, { checkers, sampleWorkspace: null })
    expect(policies.webhook.commands).toBe('named')
  })
})

describe('the pages', () => {
  it.each(pages)('%s links to what is there and names verbs and options that exist', (path) => {
    const cli = read('docs/reference/cli.md')
    expect(brokenLinks(path)).toEqual([])
    expect(docsComplaints(read(path), { verbs: verbsOf(cli), optionsOf: (verb) => optionsOf(cli, verb) })).toEqual([])
  })
  it('show every picture that is kept, and none takes long to load', () => {
    const guide = read('docs/guide/dashboard.md')
    for (const name of readdirSync(join(root, 'docs/images'))) {
      expect(guide).toContain(`](../images/${name})`)
      expect(statSync(join(root, 'docs/images', name)).size).toBeLessThan(150_000)
    }
  })
  it('give every package its line', () => {
    const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, object>
    const page = read('docs/design/dependencies.md')
    const missing = Object.keys({ ...dependencies, ...devDependencies }).filter((name) => !page.includes(`\`${name}\``))
    expect(missing).toEqual([])
  })
  it('keep AGENTS.md to 80 lines', () => {
    expect(read('AGENTS.md').trimEnd().split('\n').length).toBeLessThanOrEqual(80)
  })
  it('fail when a verb or an option is made up', () => {
    const known = { verbs: new Set(['add']), optionsOf: () => new Set(['--check']) }
    expect(docsComplaints('```sh\nopenloom ad "x"\n```', known)).toHaveLength(1)
    expect(docsComplaints('```sh\nopenloom add "x" --chek "y"\n```', known)).toHaveLength(1)
    expect(docsComplaints('`openloom add --check`', known)).toEqual([])
  })
})
