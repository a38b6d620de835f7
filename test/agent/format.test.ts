import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createFormat, formatSettingsSchema } from '../../src/agent/format.ts'
import { tell } from '../fakes/story.ts'
import { toolWorld } from '../fakes/tool-world.ts'

type Settings = Parameters<typeof formatSettingsSchema.parse>[0]

/** A formatter that notes each run and does what the script says with the file, its last argument. */
async function program(folder: string, name: string, script: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, name), `#!/bin/bash\nfile="\${@: -1}"\necho "$@" >> "${folder}/runs"\n${script}\n`)
  await chmod(join(folder, name), 0o755)
}

async function formatting(settings: Settings = {}, accepted = false) {
  const world = await toolWorld()
  const bin = join(dirname(world.context.workspace), 'bin')
  world.context.env = { ...world.context.env, PATH: `${bin}:${world.context.env.PATH}` }
  const format = createFormat(formatSettingsSchema.parse(settings), accepted)
  if (format) world.context.format = (file) => format(world.context, file)
  const write = (file_path: string, content: string) => world.use('write', { file_path, content })
  const runs = (folder = bin) => runsIn(folder)
  return { ...world, bin, write, runs, text: (name: string) => readFile(world.path(name), 'utf8') }
}

const runsIn = async (folder: string): Promise<string[]> =>
  (await readFile(join(folder, 'runs'), 'utf8').catch(() => '')).split('\n').slice(0, -1)

const bins: string[] = []

async function fakeBin(): Promise<string> {
  const bin = await mkdtemp(join(tmpdir(), 'bin-'))
  onTestFinished(() => rm(bin, { recursive: true }))
  bins.push(bin)
  await program(bin, 'prettier', ':')
  return bin
}

const upper = 'tr a-z A-Z < "$file" > "$file.x" && mv "$file.x" "$file"'

describe('TL-7 formatters', () => {
  it('a prettier on the PATH is run once a write, and the diff shows what it made', async () => {
    const world = await formatting()
    await program(world.bin, 'prettier', upper)
    await world.put('.prettierrc', '{}')
    const result = await world.write('src/a.ts', 'one\n')
    expect(result).toMatchObject({ ok: true, output: expect.stringContaining('formatted by prettier') })
    expect(String(result.facts?.diff)).toContain('+ONE')
    expect(await world.runs()).toEqual([`--write --log-level warn ${world.path('src/a.ts')}`])
    const change = { file_path: 'src/a.ts', old_string: 'ONE', new_string: 'two' }
    expect(await world.use('edit', change)).toMatchObject({ ok: true })
    expect([await world.text('src/a.ts'), (await world.runs()).length]).toEqual(['TWO\n', 2])
  })

  it.each([
    ['off', 0],
    ['', 1],
  ])('with the switch in the environment at "%s" it is run %i times', async (switched, count) => {
    const story = await tell({
      script: [
        { tool_calls: [{ name: 'write', arguments: { file_path: 'a.json', content: '{}' } }] },
        { text: 'done' },
      ],
      settings: 'runtimes: [{ kind: builtin, tools: { format: { mode: always } } }]',
      env: { OPENLOOM_FORMAT: switched, PATH: `${await fakeBin()}:${process.env.PATH}` },
    })
    story.drop('work.md', `---\nworkspace: ${story.workspace()}\n---\n\nDo it.\n`)
    await story.reaches('done')
    expect(await runsIn(String(bins.at(-1)))).toHaveLength(count)
  })

  it('comes with the project: by its set-up, and as a program only once a person trusts it', async () => {
    const plain = await formatting()
    await program(plain.bin, 'prettier', upper)
    await plain.write('a.ts', 'one\n')
    expect([await plain.text('a.ts'), await plain.runs()]).toEqual(['one\n', []])
    for (const accepted of [false, true]) {
      const world = await formatting({}, accepted)
      await world.put('package.json', '{ "devDependencies": { "prettier": "3" } }')
      const own = world.path('node_modules/.bin')
      await program(own, 'prettier', upper)
      await world.write('a.ts', 'one\n')
      expect((await world.runs(own)).length).toBe(accepted ? 1 : 0)
    }
  })

  it('that fails, hangs or spoils the file costs its work and not the write', async () => {
    for (const [script, why] of [
      ['echo "a.ts:1 bad token" >&2; echo half > "$file"; exit 2', 'bad token'],
      ['sleep 60', 'no end within 300 ms'],
      [': > "$file"', 'it left no text'],
      ['rm "$file"', 'it left no text'],
    ] as const) {
      const world = await formatting({ mode: 'always', timeout_ms: 300 })
      await program(world.bin, 'prettier', script)
      const result = await world.write('a.ts', 'one\n')
      expect(result).toMatchObject({ ok: true, output: expect.stringContaining(`prettier failed`) })
      expect(result.output).toContain(why)
      expect(await world.text('a.ts')).toBe('one\n')
    }
  })

  it('of one’s own come first; the off switch counts for them too', async () => {
    const custom = [{ files: '*.ts', command: ['mine', '--fix', '{file}'] }]
    const world = await formatting({ custom })
    await program(world.bin, 'mine', upper)
    await program(world.bin, 'prettier', ':')
    await world.write('a.ts', 'one\n')
    expect(await world.runs()).toEqual([`--fix ${world.path('a.ts')}`])
    const off = await formatting({ mode: 'off', custom })
    await program(off.bin, 'mine', upper)
    await off.write('a.ts', 'one\n')
    expect(await off.runs()).toEqual([])
  })

  it.each([
    ['ruff', 'a.py', 'format '],
    ['black', 'a.py', '--quiet '],
    ['gofmt', 'a.go', '-w '],
    ['rustfmt', 'a.rs', '--edition 2021'],
    ['shfmt', 'a.sh', '-w '],
    ['clang-format', 'a.hpp', '-i '],
  ])('%s is known for %s', async (name, file, args) => {
    const world = await formatting({ mode: 'always' })
    await program(world.bin, name, name === 'rustfmt' ? 'tr a-z A-Z' : upper)
    const result = await world.write(file, 'one\n')
    expect(result.output).toContain(`formatted by ${name}`)
    expect([await world.text(file), (await world.runs())[0]]).toEqual(['ONE\n', expect.stringContaining(args)])
  })
})
