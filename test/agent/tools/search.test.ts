import { describe, expect, it } from 'vitest'
import { searching } from '../../../src/agent/tools/ripgrep.ts'
import { loseCommands } from '../../fakes/fork-server.ts'
import { toolWorld } from '../../fakes/tool-world.ts'

async function project() {
  const world = await toolWorld()
  await world.put('src/a.ts', 'alpha\nbeta\n')
  await world.put('src/deep/b.test.ts', 'alpha\n')
  await world.put('src/c.js', 'alpha\n')
  await world.put('node_modules/x/d.ts', 'alpha\n')
  await world.put('sub/.gitignore', 'gone.ts\nbuild/\n')
  await world.put('sub/gone.ts', 'alpha\n')
  await world.put('sub/build/e.ts', 'alpha\n')
  await world.put('.github/ci.ts', 'alpha\n')
  return world
}

describe('TL-3 glob', () => {
  it.each([
    ['*.ts', ['.github/ci.ts', 'src/a.ts', 'src/deep/b.test.ts']],
    ['**/*.ts', ['.github/ci.ts', 'src/a.ts', 'src/deep/b.test.ts']],
    ['src/**/*.ts', ['src/a.ts', 'src/deep/b.test.ts']],
    ['src/*.{ts,js}', ['src/a.ts', 'src/c.js']],
    ['sub/**', ['sub/.gitignore']],
    ['*.rs', ['No file fits *.rs.']],
  ])('%s, ignore rules of every level honoured', async (pattern, files) => {
    const world = await project()
    expect((await world.use('glob', { pattern })).output.split('\n')).toEqual(files)
  })

  it('looks below a folder and answers relative to the workspace, as absolute patterns too', async () => {
    const world = await project()
    expect((await world.use('glob', { pattern: '*.ts', path: 'src/deep' })).output).toBe('src/deep/b.test.ts')
    expect((await world.use('glob', { pattern: `${world.path('src')}/*.ts` })).output).toBe('src/a.ts')
  })

  it('reports a bad pattern as a result', async () => {
    const world = await project()
    expect(await world.use('glob', { pattern: 'src/{a' })).toMatchObject({ ok: false })
    expect(await world.use('glob', { pattern: '!*.ts' })).toMatchObject({ ok: false })
  })
})

describe.each(['glob', 'grep'])('TL-3 %s', (tool) => {
  it('says of a place that it is not there', async () => {
    const world = await project()
    for (const path of ['nowhere', 'src/a.ts/below'])
      expect((await world.use(tool, { pattern: 'alpha', path })).output).toBe(`${path} does not exist.`)
  })
})

it.each(['glob', 'grep'])('TL-3 %s says that a search was lost, not that nothing was found', async (tool) => {
  const world = await project()
  loseCommands()
  const result = await world.use(tool, { pattern: 'alpha' })
  expect(result).toMatchObject({ ok: false, output: 'The search was lost: its starter died. Try it again.' })
})

it('TL-3 tells a place that cannot be looked at from one that is not there', async () => {
  const real = `/tmp/${'x'.repeat(300)}`
  expect(await searching({ real, shown: 'it' }, async () => 'searched')).toEqual({
    problem: 'it cannot be looked at: ENAMETOOLONG.',
  })
})

describe('TL-3 grep', () => {
  it('finds lines with path and number, honouring ignore rules', async () => {
    const world = await project()
    const { output } = await world.use('grep', { pattern: 'alpha', include: '*.ts' })
    expect(output.split('\n')).toEqual(['.github/ci.ts:1:alpha', 'src/a.ts:1:alpha', 'src/deep/b.test.ts:1:alpha'])
    const sub = await world.use('grep', { pattern: 'alpha', include: 'src/*.{js,ts}' })
    expect(sub.output.split('\n')).toEqual(['src/a.ts:1:alpha', 'src/c.js:1:alpha'])
  })

  it('searches one file, counts, names files, shows context, ignores case', async () => {
    const world = await project()
    expect((await world.use('grep', { pattern: 'BETA', path: 'src/a.ts', ignore_case: true })).output).toBe(
      'src/a.ts:2:beta',
    )
    expect((await world.use('grep', { pattern: 'a', path: 'src', mode: 'files', include: 'a.ts' })).output).toBe(
      'src/a.ts',
    )
    expect((await world.use('grep', { pattern: 'a', path: 'src/a.ts', mode: 'count' })).output).toBe('src/a.ts:2')
    expect((await world.use('grep', { pattern: 'beta', path: 'src/a.ts', context: 1 })).output).toBe(
      'src/a.ts:1-alpha\nsrc/a.ts:2:beta',
    )
  })

  it('keeps 200 lines over all files together, and says that there is more', async () => {
    const world = await toolWorld()
    for (const name of ['a', 'b', 'c']) await world.put(name, 'hit\n'.repeat(500))
    const { output } = await world.use('grep', { pattern: 'hit' })
    const lines = output.split('\n')
    expect(lines).toHaveLength(201)
    expect(lines[200]).toContain('only the first 200 lines')
  })

  it('answers in the order of paths, groups of lines apart from each other, whichever thread was first', async () => {
    const world = await toolWorld()
    const names = Array.from({ length: 40 }, (_, i) => `f${String(i).padStart(2, '0')}`)
    for (const name of names) await world.put(name, `hit\n${'x\n'.repeat(Number(name.slice(1)) * 500)}hit\n`)
    const files = (await world.use('grep', { pattern: 'hit', mode: 'files' })).output.split('\n')
    expect(files).toEqual(names)
    const { output } = await world.use('grep', { pattern: 'hit', include: 'f0[12]', context: 1 })
    const [first, second] = [
      'f01:1:hit\nf01:2-x\n--\nf01:501-x\nf01:502:hit',
      'f02:1:hit\nf02:2-x\n--\nf02:1001-x\nf02:1002:hit',
    ]
    expect(output).toBe(`${first}\n--\n${second}`)
  })

  it('names the fault of a bad expression', async () => {
    const world = await project()
    expect(await world.use('grep', { pattern: '(' })).toMatchObject({ ok: false, output: /unclosed group/ })
  })

  it('takes a pattern that looks like an option for a pattern', async () => {
    const world = await project()
    await world.put('flags.txt', 'use --files here\n')
    expect((await world.use('grep', { pattern: '--files' })).output).toBe('flags.txt:1:use --files here')
  })
})
