import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createFormat, formatSettingsSchema } from '../../src/agent/format.ts'
import type { Subject } from '../../src/core/tool.ts'
import { tell } from '../fakes/story.ts'
import { toolWorld } from '../fakes/tool-world.ts'

type Settings = Parameters<typeof formatSettingsSchema.parse>[0]

/** A formatter that notes each run; what the script says is done with stdin, or with the file, the last argument. */
async function program(folder: string, name: string, script: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, name), `#!/bin/bash\nfile="\${@: -1}"\necho "$@" >> "${folder}/runs"\n${script}\n`)
  await chmod(join(folder, name), 0o755)
}

interface Around {
  accepted?: boolean
  confined?: boolean
  permitted?: string[]
}

async function formatting(settings: Settings = {}, around: Around = {}) {
  const { accepted = false, confined = true, permitted = [] } = around
  const world = await toolWorld()
  if (confined) world.context.confinement = { kind: 'bwrap', wrap: (argv) => argv }
  const bin = join(dirname(world.context.workspace), 'bin')
  world.context.env = { ...world.context.env, PATH: `${bin}:${world.context.env.PATH}` }
  const format = createFormat(formatSettingsSchema.parse(settings), accepted)
  const within = {
    around: <T>(work: () => Promise<T>) => work(),
    permits: async (one: Subject) => isOf(permitted, one),
  }
  if (format) world.context.format = (file) => format(world.context, file, within)
  const write = (file_path: string, content: string) => world.use('write', { file_path, content })
  const runs = (folder = bin) => runsIn(folder)
  return { ...world, bin, write, runs, text: (name: string) => readFile(world.path(name), 'utf8') }
}

const isOf = (lines: string[], { kind, text }: Subject) => kind === 'command' && lines.includes(text)

const runsIn = async (folder: string): Promise<string[]> =>
  (await readFile(join(folder, 'runs'), 'utf8').catch(() => '')).split('\n').slice(0, -1)

const bins: string[] = []

async function fakeBin(): Promise<string> {
  const bin = await mkdtemp(join(tmpdir(), 'bin-'))
  onTestFinished(() => rm(bin, { recursive: true }))
  bins.push(bin)
  await program(bin, 'prettier', 'cat')
  return bin
}

const upper = 'tr a-z A-Z'
const upperFile = 'tr a-z A-Z < "$file" > "$file.x" && mv "$file.x" "$file"'

describe('TL-7 formatters', () => {
  it('a prettier on the PATH is run once a write, and the diff shows what it made', async () => {
    const world = await formatting()
    await program(world.bin, 'prettier', upper)
    await world.put('.prettierrc', '{}')
    const result = await world.write('src/a.ts', 'one\n')
    expect(result).toMatchObject({ ok: true, output: expect.stringContaining('formatted by prettier') })
    expect(String(result.facts?.diff)).toContain('+ONE')
    expect(await world.runs()).toEqual([`--log-level warn --stdin-filepath ${world.path('src/a.ts')}`])
    const change = { file_path: 'src/a.ts', old_string: 'ONE', new_string: 'two' }
    expect(await world.use('edit', change)).toMatchObject({ ok: true })
    expect([await world.text('src/a.ts'), (await world.runs()).length]).toEqual(['TWO\n', 2])
  })

  it.each([
    ['off', 0],
    ['0', 0],
    ['No', 0],
    ['', 1],
    ['on', 1],
  ])('with the switch in the environment at "%s" it is run %i times', async (switched, count) => {
    const story = await tell({
      script: [
        { tool_calls: [{ name: 'write', arguments: { file_path: 'a.json', content: '{}' } }] },
        { text: 'done' },
      ],
      settings: 'runtimes: [{ kind: builtin, tools: { format: { mode: always } } }]',
      env: { OPENLOOM_FORMAT: switched, PATH: `${await fakeBin()}:${process.env.PATH}` },
    })
    const path = story.workspace()
    await story.call('PUT', '/api/workspaces', { path, trust: 'trusted' })
    story.drop('work.md', `---\nworkspace: ${path}\n---\n\nDo it.\n`)
    await story.reaches('done')
    expect(await runsIn(String(bins.at(-1)))).toHaveLength(count)
  })

  it('comes with the project: by its set-up, and as a program only once a person trusts it', async () => {
    const plain = await formatting()
    await program(plain.bin, 'prettier', upper)
    await plain.write('a.ts', 'one\n')
    expect([await plain.text('a.ts'), await plain.runs()]).toEqual(['one\n', []])
    for (const accepted of [false, true]) {
      const world = await formatting({}, { accepted })
      await world.put('package.json', '{ "devDependencies": { "prettier": "3" } }')
      const own = world.path('node_modules/.bin')
      await program(own, 'prettier', upper)
      await world.write('a.ts', 'one\n')
      expect((await world.runs(own)).length).toBe(accepted ? 1 : 0)
    }
  })

  const mine = [{ files: '*.ts', command: ['mine', '{file}'] }]

  it.each([
    ['prettier', 'echo "a.ts:1 bad token" >&2; echo half; exit 2', 'bad token'],
    ['prettier', 'sleep 60', 'no end within 300 ms'],
    ['prettier', ':', 'it left no text'],
    ['prettier', "printf '\\xff'", 'it left no text'],
    ['mine', 'echo bad token >&2; exit 2', 'bad token'],
    ['mine', 'sleep 60', 'no end within 300 ms'],
    ['mine', ': > "$file"', 'it left no text'],
    ['mine', 'rm "$file"', 'it left no text'],
  ])('that fails, hangs or spoils the file costs its work and not the write: %s %j', async (name, script, why) => {
    const world = await formatting({ mode: 'always', timeout_ms: 300, custom: name === 'mine' ? mine : [] })
    await program(world.bin, name, script)
    const result = await world.write('a.ts', 'one\n')
    expect(result).toMatchObject({ ok: true, output: expect.stringContaining(`${name} failed and changed nothing`) })
    expect(result.output).toContain(why)
    expect(await world.text('a.ts')).toBe('one\n')
  })

  it('takes nothing from a person who saves the file meanwhile', async () => {
    const world = await formatting({ mode: 'always' })
    await world.put('a.ts', 'one\n')
    await world.use('read', { file_path: 'a.ts' })
    await program(world.bin, 'prettier', `echo mine > "$file"; ${upper}`)
    const result = await world.use('edit', { file_path: 'a.ts', old_string: 'one', new_string: 'two' })
    expect(result).toMatchObject({ ok: false, output: expect.stringContaining('changed since it was read') })
    expect(await world.text('a.ts')).toBe('mine\n')
    const fresh = await world.write('b.ts', 'one\n')
    expect(fresh).toMatchObject({ ok: false, output: expect.stringContaining('was not read in this session') })
    expect(await world.text('b.ts')).toBe('mine\n')
  })

  it('of one’s own changes a copy beside the file, and undoes no save of a person', async () => {
    const world = await formatting({ custom: mine })
    await world.put('src/a.ts', 'one\n')
    await world.use('read', { file_path: 'src/a.ts' })
    await program(world.bin, 'mine', `echo of a person > "$MINE"; test -f "$(dirname "$file")/../.mine"; ${upperFile}`)
    await world.put('src/.mine', '')
    world.context.env = { ...world.context.env, MINE: world.path('src/a.ts') }
    const refused = await world.use('edit', { file_path: 'src/a.ts', old_string: 'one', new_string: 'two' })
    expect(refused).toMatchObject({ ok: false, output: expect.stringContaining('changed since it was read') })
    expect(await world.text('src/a.ts')).toBe('of a person\n')
    expect((await readdir(world.path('src'))).sort()).toEqual(['.mine', 'a.ts'])
  })

  it('of one’s own writes nowhere else when its folder is swapped for a link meanwhile', async () => {
    const world = await formatting({ custom: mine })
    const elsewhere = join(dirname(world.context.workspace), 'elsewhere')
    await mkdir(elsewhere)
    await world.put('src/keep', '')
    const swap = `mv "$WORK/src" "$WORK/old" && ln -s "${elsewhere}" "$WORK/src"`
    await program(world.bin, 'mine', `${upperFile}; ${swap}`)
    world.context.env = { ...world.context.env, WORK: world.context.workspace }
    expect(await world.write('src/a.ts', 'one\n')).toMatchObject({ ok: false })
    expect(await readdir(elsewhere)).toEqual([])
  })

  it('of one’s own leaves nothing behind when it does not end', async () => {
    const world = await formatting({ timeout_ms: 300, custom: mine })
    await program(world.bin, 'mine', "trap '' TERM; sleep 60")
    expect((await world.write('a.ts', 'one\n')).output).toContain('no end within 300 ms')
    expect(await readdir(world.context.workspace)).toEqual(['a.ts'])
  })

  it('of one’s own that names no file finds what it changes by itself, and the file is read again', async () => {
    const world = await formatting({ custom: [{ files: '*.ts', command: ['all'] }] })
    await program(world.bin, 'all', 'echo ONE of it > a.ts')
    const result = await world.write('a.ts', 'one\n')
    expect(result).toMatchObject({ ok: true, output: expect.stringContaining('formatted by all') })
    const early = await world.use('edit', { file_path: 'a.ts', old_string: 'ONE', new_string: 'two' })
    expect(early).toMatchObject({ ok: false, output: expect.stringContaining('changed since it was read') })
  })

  it.each([
    ['prettier', 'a.ts', 'prettier.config.mjs'],
    ['rustfmt', 'a.rs', 'rust-toolchain.toml'],
  ])('that runs what an agent can write is, without a sandbox, what its commands are: %s', async (name, file, sign) => {
    for (const [around, count] of [
      [{ confined: true }, 1],
      [{ confined: false }, 0],
      [{ confined: false, accepted: true }, 0],
      [{ confined: false, permitted: [name] }, 0],
      [{ confined: false, accepted: true, permitted: [name] }, 1],
    ] as const) {
      const world = await formatting({}, { ...around, permitted: [...('permitted' in around ? around.permitted : [])] })
      await program(world.bin, name, upper)
      await world.put(sign, 'x')
      expect(await world.write(file, 'one\n')).toMatchObject({ ok: true })
      expect([around, (await world.runs()).length]).toEqual([around, count])
    }
  })

  it.each(['.prettierrc.cjs', '.prettierrc.toml', '.prettierrc.json5', 'prettier.config.cjs'])(
    'is set up by %s, too',
    async (sign) => {
      const world = await formatting()
      await program(world.bin, 'prettier', upper)
      await world.put(sign, '')
      await world.write('a.ts', 'one\n')
      expect(await world.text('a.ts')).toBe('ONE\n')
    },
  )

  it('of one’s own come first; the off switch counts for them too', async () => {
    const custom = [{ files: '*.ts', command: ['mine', '--fix', '{file}'] }]
    const world = await formatting({ custom })
    await program(world.bin, 'mine', upperFile)
    await program(world.bin, 'prettier', 'cat')
    await world.write('a.ts', 'one\n')
    expect(await world.runs()).toEqual([expect.stringMatching(/^--fix .*\/a\.ts$/)])
    expect(await world.text('a.ts')).toBe('ONE\n')
    const off = await formatting({ mode: 'off', custom })
    await program(off.bin, 'mine', upperFile)
    await off.write('a.ts', 'one\n')
    expect(await off.runs()).toEqual([])
  })

  it.each([
    ['ruff', 'a.py', 'format --stdin-filename '],
    ['black', 'a.py', '--quiet --stdin-filename '],
    ['gofmt', 'a.go', ''],
    ['rustfmt', 'a.rs', '--edition 2021'],
    ['shfmt', 'a.sh', '-filename '],
    ['clang-format', 'a.hpp', '--assume-filename='],
  ])('%s is known for %s', async (name, file, args) => {
    const world = await formatting({ mode: 'always' })
    await program(world.bin, name, upper)
    const result = await world.write(file, 'one\n')
    expect(result.output).toContain(`formatted by ${name}`)
    expect([await world.text(file), (await world.runs())[0]]).toEqual(['ONE\n', expect.stringContaining(args)])
  })
})
