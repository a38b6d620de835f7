/** What lies in the inbox folder, as a person is told of it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { waitingFiles } from '../../src/inbox/shelf.ts'

it('names the first files that wait, and counts the rest', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'loom-shelf-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  expect(await waitingFiles(join(dir, 'not-there'))).toEqual({ names: [], more: 0 })
  for (let n = 100; n < 125; n++) writeFileSync(join(dir, `${n}.md`), 'x')
  writeFileSync(join(dir, 'processed-t_1-old.md'), 'x')
  const { names, more } = await waitingFiles(dir)
  expect([names.length, names[0], names.at(-1), more]).toEqual([20, '100.md', '119.md', 5])
})
