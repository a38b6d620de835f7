/** A command in the background puts a link in the place of a folder, right after a tool has looked at it. */
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { sha256 } from '../../../src/lib/digest.ts'
import { type ToolWorld, toolWorld } from '../../fakes/tool-world.ts'

const notebook = JSON.stringify({
  cells: [{ cell_type: 'code', id: 'a', source: ['secret'], metadata: {} }],
  nbformat: 4,
  nbformat_minor: 5,
})

interface Swapping {
  world: ToolWorld
  outside: string
  /** Every byte that lies outside. */
  kept(): string[]
  swap(): void
}

/** The folder `d` of the workspace and one outside hold the same names; both were read, as far as the session knows. */
async function swapping(): Promise<Swapping> {
  const world = await toolWorld()
  const outside = join(dirname(world.context.workspace), 'outside')
  mkdirSync(outside)
  for (const [name, text] of Object.entries({ 'a.txt': 'secret\n', 'n.ipynb': notebook })) {
    const file = await world.put(`d/${name}`, name === 'a.txt' ? 'secret\n' : text)
    writeFileSync(join(outside, name), text)
    world.context.seen.set(file, sha256(text))
  }
  const swap = () => {
    renameSync(world.path('d'), world.path('was-d'))
    symlinkSync(outside, world.path('d'))
  }
  const kept = () => readdirSync(outside).map((name) => `${name} ${readFileSync(join(outside, name), 'utf8')}`)
  return { world, outside, kept, swap }
}

/** `locate` asks for the workspace a second time when it knows where the path leads. */
function swapOnceLocated({ world, swap }: Swapping): void {
  const { workspace } = world.context
  let looks = 0
  Object.defineProperty(world.context, 'workspace', {
    get() {
      looks += 1
      if (looks === 2) swap()
      return workspace
    },
  })
}

const change = { old_string: 'secret', new_string: 'changed' }
const calls = [
  ['read', { file_path: 'd/a.txt' }],
  ['write', { file_path: 'd/a.txt', content: 'planted' }],
  ['write', { file_path: 'd/new.txt', content: 'planted' }],
  ['write', { file_path: 'd/new/folder/new.txt', content: 'planted' }],
  ['edit', { file_path: 'd/a.txt', ...change }],
  ['multiedit', { file_path: 'd/a.txt', edits: [change] }],
  ['notebook_edit', { file_path: 'd/n.ipynb', cell_id: 'a', source: 'planted' }],
  ['grep', { pattern: 'secret', path: 'd' }],
  ['grep', { pattern: 'secret', path: 'd/a.txt' }],
  ['glob', { pattern: '*', path: 'd' }],
] as const

describe.runIf(process.platform === 'linux')('SE-4 a folder that becomes a link after it was looked at', () => {
  it.each(calls)('leads %s nowhere: %j', async (name, input) => {
    const one = await swapping()
    const before = one.kept()
    swapOnceLocated(one)
    const result = await one.world.use(name, input)
    expect([result.ok, result.output.includes('secret')], result.output).toEqual([false, false])
    expect(one.kept()).toEqual(before)
  })

  it('leads a long file nowhere, which is read in parts', async () => {
    const one = await swapping()
    truncateSync(join(one.outside, 'a.txt'), 9_000_000)
    truncateSync(one.world.path('d/a.txt'), 9_000_000)
    swapOnceLocated(one)
    const result = await one.world.use('read', { file_path: 'd/a.txt' })
    expect(result).toMatchObject({ ok: false, output: expect.stringContaining('leads elsewhere') })
  })

  it('does so between reading and writing, too', async () => {
    const one = await swapping()
    const { seen } = one.world.context
    const get = seen.get.bind(seen)
    seen.get = (path) => {
      one.swap()
      return get(path)
    }
    const before = one.kept()
    expect(await one.world.use('edit', { file_path: 'd/a.txt', ...change })).toMatchObject({ ok: false })
    expect(one.kept()).toEqual(before)
  })

  it('a file that is a link by now is not searched', async () => {
    const one = await swapping()
    swapOnceLocated({
      ...one,
      swap() {
        renameSync(one.world.path('d/a.txt'), one.world.path('was-a'))
        symlinkSync(join(one.outside, 'a.txt'), one.world.path('d/a.txt'))
      },
    })
    const result = await one.world.use('grep', { pattern: 'sec', path: 'd/a.txt' })
    expect(result).toMatchObject({ ok: false, output: expect.stringContaining('leads elsewhere') })
  })
})
