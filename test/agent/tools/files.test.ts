import { appendFile, chmod, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { hintFor } from '../../../src/agent/tools/edit.ts'
import { countNewlines } from '../../../src/agent/tools/read.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { toolWorld } from '../../fakes/tool-world.ts'

describe('TL-1 read', () => {
  it('numbers lines from 1, passes over offset and says where to go on', async () => {
    const world = await toolWorld()
    await world.put('a.txt', 'one\ntwo\r\nthree\nfour\n')
    const part = await world.use('read', { file_path: 'a.txt', offset: 1, limit: 2 })
    expect(part.output).toBe('     2\ttwo\n     3\tthree\n(more lines follow; go on with offset 3)')
    const end = await world.use('read', { file_path: world.path('a.txt'), offset: 3 })
    expect(end.output).toBe('     4\tfour')
    expect((await world.use('read', { file_path: 'a.txt', offset: 9 })).output).toBe('(there are only 4 lines)')
  })

  it('refuses binary files, folders and what is not there, and says so', async () => {
    const world = await toolWorld()
    await world.put('b.bin', Uint8Array.from([1, 0, 2]))
    await world.put('empty', '')
    await world.put('sub/x', '')
    expect(await world.use('read', { file_path: 'b.bin' })).toMatchObject({ ok: false, output: /binary/ })
    expect(await world.use('read', { file_path: 'sub' })).toMatchObject({ ok: false, output: /not a regular file/ })
    expect(await world.use('read', { file_path: 'none' })).toMatchObject({ ok: false, output: /does not exist/ })
    expect(await world.use('read', { file_path: 'empty' })).toMatchObject({ ok: true, output: '(the file is empty)' })
  })

  it('cuts a line without end and keeps the budget', async () => {
    const world = await toolWorld()
    await world.put('long', `${'x'.repeat(300_000)}\n${'y\n'.repeat(5)}`)
    const { output } = await world.use('read', { file_path: 'long' })
    expect(output.length).toBeLessThan(3_000)
    expect(output).toContain('cut]')
    await world.put('many', `${'z'.repeat(1_000)}\n`.repeat(2_000))
    const many = await world.use('read', { file_path: 'many' })
    expect(many.output.length).toBeLessThan(110_000)
    expect(many.output).toMatch(/go on with offset \d+\)$/)
  })

  it('reads near the end of a file of more than 1 GB with bounded memory', async () => {
    const world = await toolWorld()
    const file = await world.put('large', '')
    const million = Buffer.from(`${'0123456789'.repeat(10)}\n`.repeat(1_000_000))
    for (let part = 0; part < 11; part++) await appendFile(file, million)
    const before = process.memoryUsage().rss
    const result = await world.use('read', { file_path: 'large', offset: 10_999_998 })
    expect(result.output.split('\n').map((shown) => shown.slice(0, 9))).toEqual(['10999999\t', '11000000\t'])
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024)
    await truncate(file, 0)
  })

  it('gives up on a line that lies too far to be come to, and says how far it came', async () => {
    const world = await toolWorld()
    const file = await world.put('endless', 'one\ntwo\n')
    await truncate(file, 60 * 1024 ** 3)
    let now = 0
    world.context.clock = { ...systemClock, now: () => (now += 4_000) }
    await writeFile(file, `${'x'.repeat(9_000)}\n`, { flag: 'r+' })
    const result = await world.use('read', { file_path: 'endless', offset: 50 })
    expect(result.ok).toBe(false)
    expect(result.output).toMatch(/^Line 51 of endless was not reached within 10 seconds: \d+ bytes were passed over/)
    await truncate(file, 0)
  })

  it('counts newlines exactly, whatever the alignment', () => {
    const bytes = Buffer.from('\n\n\u000b\u0009\n\u008a\n\n..\n.\n\n')
    for (let start = 0; start < bytes.length; start++) {
      const part = bytes.subarray(start)
      expect(countNewlines(part)).toBe(part.filter((byte) => byte === 10).length)
    }
  })
})

describe('TL-2 write and edit', () => {
  it('write makes folders and a new file, and tells its diff as a fact', async () => {
    const world = await toolWorld()
    const result = await world.use('write', { file_path: 'a/b/new.txt', content: 'one\ntwo\n' })
    expect(result).toMatchObject({ ok: true, facts: { created: true, added: 2, removed: 0 } })
    expect(String(result.facts?.diff)).toContain('+one')
    expect(await readFile(world.path('a/b/new.txt'), 'utf8')).toBe('one\ntwo\n')
  })

  it('refuses to overwrite or edit what was not read, or changed since', async () => {
    const world = await toolWorld()
    const file = await world.put('a.txt', 'one\n')
    expect((await world.use('write', { file_path: 'a.txt', content: 'x' })).output).toContain('not read')
    const change = { file_path: 'a.txt', old_string: 'one', new_string: 'two' }
    expect((await world.use('edit', change)).output).toContain('not read')
    await world.use('read', { file_path: 'a.txt' })
    await writeFile(file, 'one more\n')
    expect((await world.use('edit', change)).output).toContain('changed since')
    await world.use('read', { file_path: 'a.txt' })
    expect(await world.use('edit', change)).toMatchObject({ ok: true })
    expect(await world.use('edit', { ...change, old_string: 'two', new_string: 'three' })).toMatchObject({ ok: true })
    expect(await readFile(file, 'utf8')).toBe('three more\n')
  })

  it('keeps BOM, CRLF and mode', async () => {
    const world = await toolWorld()
    const file = await world.put('w.cmd', '\ufeffecho one\r\necho two\r\n')
    await chmod(file, 0o750)
    await world.use('read', { file_path: 'w.cmd' })
    const multi = { file_path: 'w.cmd', old_string: 'echo one\necho two', new_string: 'echo 1\necho 2\necho 3' }
    expect(await world.use('edit', multi)).toMatchObject({ ok: true })
    expect(await readFile(file, 'utf8')).toBe('\ufeffecho 1\r\necho 2\r\necho 3\r\n')
    expect((await stat(file)).mode & 0o777).toBe(0o750)
    await world.use('write', { file_path: 'w.cmd', content: 'a\nb\n' })
    expect(await readFile(file, 'utf8')).toBe('\ufeffa\r\nb\r\n')
  })

  it('edits a file with mixed line ends where it is asked to, and nowhere else', async () => {
    const world = await toolWorld()
    const file = await world.put('m.txt', 'a\r\nb\r\nc\nd\n')
    await world.use('read', { file_path: 'm.txt' })
    expect(await world.use('edit', { file_path: 'm.txt', old_string: 'a\nb', new_string: 'x\ny' })).toMatchObject({
      ok: true,
    })
    expect(await readFile(file, 'utf8')).toBe('x\r\ny\r\nc\nd\n')
  })

  it('takes new text literally, dollar signs too', async () => {
    const world = await toolWorld()
    const file = await world.put('a.txt', 'price\n')
    await world.use('read', { file_path: 'a.txt' })
    await world.use('edit', { file_path: 'a.txt', old_string: 'price', new_string: "$& $1 $$ $'" })
    expect(await readFile(file, 'utf8')).toBe("$& $1 $$ $'\n")
  })

  it('wants one match, or replace_all, and says how many there are', async () => {
    const world = await toolWorld()
    const file = await world.put('a.txt', 'x x x\n')
    await world.use('read', { file_path: 'a.txt' })
    const change = { file_path: 'a.txt', old_string: 'x', new_string: 'y' }
    expect((await world.use('edit', change)).output).toContain('found 3 times')
    expect((await world.use('edit', { ...change, replace_all: true })).output).toContain('3 replacements')
    expect(await readFile(file, 'utf8')).toBe('y y y\n')
  })

  it('multiedit is all or nothing, in order, and takes a JSON string for the list', async () => {
    const world = await toolWorld()
    const file = await world.put('a.txt', 'one two\n')
    await world.use('read', { file_path: 'a.txt' })
    const good = { old_string: 'one', new_string: '1' }
    const bad = await world.use('multiedit', {
      file_path: 'a.txt',
      edits: [good, { old_string: 'zzz', new_string: '' }],
    })
    expect(bad.output).toMatch(/^edits\.1: old_string was not found.*Nothing was changed\.$/s)
    expect(await readFile(file, 'utf8')).toBe('one two\n')
    const edits = JSON.stringify([good, { old_string: '1 two', new_string: '1 2' }])
    expect(await world.use('multiedit', { file_path: 'a.txt', edits })).toMatchObject({ ok: true })
    expect(await readFile(file, 'utf8')).toBe('1 2\n')
  })

  it('does not edit what is no UTF-8 text', async () => {
    const world = await toolWorld()
    await world.put('latin', Buffer.from([0x66, 0xfc, 0x72]))
    await world.use('read', { file_path: 'latin' })
    const result = await world.use('edit', { file_path: 'latin', old_string: 'f', new_string: 'g' })
    expect(result.output).toContain('not UTF-8')
  })

  it.each([
    ['  if (a) {\n    b()\n  }', 'if (a) {\n  b()\n}', /other white space/],
    ['const total = sum(list)\nreturn total', 'const total = sum(list)\nreturn nothing', /line 1.*differ/],
    ['alpha', 'completely different text', /Nothing like it/],
  ])('helps when old_string is not there: %j', (text, wanted, hint) => {
    expect(hintFor(text, wanted)).toMatch(hint)
  })
})
