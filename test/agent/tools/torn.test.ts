import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import { expect, it, onTestFinished } from 'vitest'

const root = new URL('../../..', import.meta.url).pathname
const sizeBytes = 3_000_000

it('TL-2 kill -9 during a write leaves the old file or the new one, never a part', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'torn-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const bundle = join(folder, 'files.mjs')
  const build = await rolldown({ input: join(root, 'src/lib/files.ts'), platform: 'node' })
  await build.write({ file: bundle })
  const target = join(folder, 'target.txt')
  const program = `
    const { writeAtomic } = await import(${JSON.stringify(bundle)})
    for (let n = 0; ; n++) {
      await writeAtomic(${JSON.stringify(target)}, (n % 2 ? 'b' : 'a').repeat(${sizeBytes}))
      if (n === 0) console.log('begun')
    }`
  for (let round = 0; round < 8; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program])
    const ended = new Promise((resolve) => child.once('exit', resolve))
    await new Promise((resolve) => child.stdout.once('data', resolve))
    // A moment of its own in each round.
    setTimeout(() => child.kill('SIGKILL'), round * 3 + 1)
    await ended
    const text = await readFile(target, 'utf8')
    expect([text.length, new Set(text).size]).toEqual([sizeBytes, 1])
  }
})
