import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, expect, it } from 'vitest'

const root = new URL('../..', import.meta.url).pathname
const events = 8
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'loom-crash-'))
  mkdirSync(join(folder, 'dist'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module","version":"0.0.0"}')
  symlinkSync(join(root, 'src/store/migrations'), join(folder, 'dist/migrations'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const input = join(root, 'test/notify/courier-program.ts')
  const bundle = await rolldown({ input, platform: 'node', external: ['better-sqlite3'], logLevel: 'silent' })
  await bundle.write({ file: join(folder, 'dist/program.js'), format: 'esm' })
  await bundle.close()
})
afterAll(() => rmSync(folder, { recursive: true }))

const run = (name: string, failpoint: string) =>
  spawnSync(
    process.execPath,
    [join(folder, 'dist/program.js'), join(folder, `${name}.db`), join(folder, name), `${events}`],
    {
      env: { PATH: process.env.PATH, OPENLOOM_FAILPOINT: failpoint },
      encoding: 'utf8',
      timeout: 10_000,
    },
  )

it.each(['courier.deliver', 'courier.answered', 'courier.moved'])(
  'killed with -9 at every %s, no event is lost and no file is doubled',
  (failpoint) => {
    let kills = 0
    for (let nth = 1; ; nth++) {
      const name = `${failpoint}-${nth}`
      const first = run(name, `${failpoint}:${nth}`)
      if (first.signal !== 'SIGKILL') {
        expect(first).toMatchObject({ status: 0, stdout: 'carried\n' })
        break
      }
      kills++
      expect(run(name, '')).toMatchObject({ status: 0, stdout: 'carried\n' })
      const numbers = readdirSync(join(folder, name)).map((file) => Number(file.split('-')[1]))
      expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: events }, (_, i) => i + 1))
    }
    expect(kills).toBeGreaterThanOrEqual(events)
  },
  60_000,
)
