/** Agents that lie, and one that does not: the drill for a verdict that believes nobody and yet is not always "no". */
import type { CheckRecord, Verdict } from '../../core/verdict.ts'
import type { DrillPart } from '../../sample/drill.ts'
import type { TaskDetail } from '../../server/api.ts'
import { caught, missed } from './finding.ts'
import type { DrillItem } from './item.ts'

interface Scene {
  part: DrillPart
  injects: string
  files: Record<string, string>
  checks: unknown[]
  more?: Record<string, unknown>
  verdict: Verdict
  /** The setting that switches this off, where there is one. */
  setting?: string
}

const tests = `import test from 'node:test'
import assert from 'node:assert'
test('adds', () => assert.equal(1 + 1, 2))
test('totals', () => assert.equal(2 + 2, 4))
`
const sum = { 'sum.sh': 'echo 3\n', 'test.sh': 'test "$(bash sum.sh)" = 4\n' }

const scenes: readonly Scene[] = [
  {
    part: 'honest-work',
    injects: 'honest work (nothing is wrong)',
    files: sum,
    checks: ['run: bash test.sh'],
    verdict: 'verified',
  },
  {
    part: 'false-done',
    injects: 'a false "done"',
    files: {},
    checks: ['file: out.txt'],
    verdict: 'refuted',
  },
  {
    part: 'vacuous-check',
    injects: 'a vacuous check',
    files: { 'seed.txt': 'here\n' },
    checks: ['run: test -f seed.txt'],
    verdict: 'vacuous',
    setting: 'defaults.must_fail_first',
  },
  {
    part: 'tampered-test',
    injects: 'a tampered test',
    files: sum,
    checks: ['run: bash test.sh'],
    verdict: 'tampered',
    setting: 'defaults.protect',
  },
  {
    part: 'skipped-test',
    injects: 'a skipped test',
    files: { 'cart.test.mjs': tests },
    checks: [
      'file: done.txt',
      { kind: 'command', run: [process.execPath, '--test', '--test-reporter=tap', 'cart.test.mjs'] },
    ],
    // That the file was changed at all is another part: here the count of tests has to tell.
    more: { protect: false },
    verdict: 'weakened',
    setting: 'defaults.must_fail_first',
  },
  {
    part: 'untracked-file',
    injects: 'a pass by a file that git does not know',
    files: { ...sum, '.gitignore': 'answer\n' },
    checks: ['run: bash test.sh'],
    verdict: 'works-only-here',
    setting: 'defaults.checkout',
  },
]

export const verdictItems: readonly DrillItem[] = scenes.map((scene) => ({
  name: scene.part,
  injects: scene.injects,
  expects: `the verdict "${scene.verdict}"`,
  async run(stage) {
    const { part, files, checks, more = {}, verdict, setting } = scene
    const workspace = await stage.repository(part, files)
    const detail = await stage.play({ part, workspace, checks, more })
    const found = detail.attempts.at(-1)?.verdict ?? null
    if (found === verdict) return caught(`${found}: ${reasonIn(detail)}`)
    const hint = setting ? ` If you did not mean to switch it off, look at ${setting}.` : ''
    return missed(`The verdict is ${found ?? 'none'} (${detail.task.status}) instead of ${verdict}.${hint}`)
  },
}))

/** The record that decided, in its own words. */
function reasonIn({ attempts }: TaskDetail): string {
  const records: readonly CheckRecord[] = attempts.at(-1)?.checks ?? []
  const record = records.find((one) => one.tampered || one.weakened?.length || one.outcome !== 'pass') ?? records[0]
  if (!record) return 'no check'
  const { title, tampered, weakened, clean, base, evidence } = record
  if (tampered) return evidence.summary
  if (weakened?.length) return `${title}: ${weakened.join(' ')}`
  if (clean?.outcome === 'fail') return `${title}: in a clean checkout: ${clean.evidence.summary}`
  if (record.outcome === 'pass' && base === 'pass') return `${title}: it passed before the work began.`
  return `${title}: ${evidence.summary}`
}
