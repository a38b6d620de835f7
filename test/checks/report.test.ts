/** A command that reports its tests, on stdout or in a file of its own; and how its failure is tried again. */
import { readFileSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkerOf, checkSchema, describeCheck } from '../../src/checks/index.ts'
import { stdoutBytesMax } from '../../src/checks/report.ts'
import { excerptCharsMax } from '../../src/core/check.ts'
import { TemporaryWorkspace } from '../fakes/workspace.ts'

const junit = (name: string, body = '') =>
  `<?xml version="1.0"?><testsuite name="s"><testcase name="${name}">${body}</testcase></testsuite>`
const tap = "printf 'TAP version 14\\n1..2\\nok 1 - a\\nnot ok 2 - b\\n'"

let workspace: TemporaryWorkspace
beforeEach(() => {
  workspace = new TemporaryWorkspace()
})
afterEach(() => workspace.remove())

async function run(fields: Record<string, unknown>) {
  const spec = checkSchema.parse({ kind: 'command', ...fields })
  const result = await checkerOf('command')?.run(spec, workspace.context())
  if (!result) throw new Error('there is no check of commands')
  return result
}

describe('the report of a command', () => {
  it('is found on stdout, whatever stderr says in between', async () => {
    const run1 = await run({ run: `echo 'noise' >&2; ${tap}; echo 'not ok 9 - noise' >&2; exit 1` })
    expect(run1).toMatchObject({ outcome: 'fail', census: { format: 'tap', passed: 1, failed: 1 } })
    expect(run1.evidence.excerpt).toMatch(/^Failed:\n- b\n\n/)
    expect(run1.evidence.facts?.tests).toBe('1 passed, 1 failed, 0 skipped')
  })

  it('makes a check fail whose exit code was thrown away, by name', async () => {
    const { outcome, evidence } = await run({ run: `${tap} || true` })
    expect([outcome, evidence.summary]).toEqual(['fail', 'It ended with 0, but its report counts 1 failed: b.'])
  })

  it('says nothing against a command that is expected to fail', async () => {
    expect(await run({ run: `${tap}; exit 1`, exit_code: 1 })).toMatchObject({ outcome: 'pass', census: { failed: 1 } })
  })

  it('is read from the file that the command writes', async () => {
    workspace.write('new.xml', junit('a'))
    const result = await run({ run: 'mkdir -p out; cat new.xml > out/report.xml', report: 'out/report.xml' })
    expect(result).toMatchObject({ outcome: 'pass', census: { passed: 1, names: { passed: ['s > a'] } } })
  })

  it('adds up all files behind a pattern that this run wrote, and no others', async () => {
    workspace
      .write('out/TEST-old.xml', junit('old'))
      .write('a.xml', junit('a'))
      .write('b.xml', junit('b', '<skipped/>'))
    const copy = 'cat a.xml > out/TEST-a.xml; mkdir out/deep; cat b.xml > out/deep/TEST-b.xml'
    const result = await run({ run: copy, report: 'out/**/TEST-*.xml' })
    expect(result).toMatchObject({ outcome: 'pass', census: { passed: 1, skipped: 1 } })
    expect(result.census?.names.passed).toEqual(['s > a'])
  })

  it.each([
    ['that was there before', 'true', /report\.xml is there, but this run did not write it/],
    ['that is only touched back to its old time', 'touch -d @1000000000 report.xml', /did not write it/],
    ['that was only moved there', 'mv older.xml report.xml', /did not write it/],
    ['that nobody wrote', 'rm report.xml', /No such file is there/],
    ['that is cut off', "echo '<testsuite name=' > report.xml", /report\.xml is cut off, or of no form/],
    ['that leads out of the workspace', 'ln -sf ../secret.xml report.xml', /did not write it|cannot be read/],
    ['that is no text', "printf '\\377\\376' > report.xml", /is not UTF-8/],
  ])('is none %s', async (_, line, says) => {
    workspace.write('report.xml', junit('planted')).write('older.xml', junit('a')).write('../secret.xml', junit('a'))
    for (const name of ['older.xml', '../secret.xml'])
      utimesSync(join(workspace.path, name), 1_000_000_000, 1_000_000_000)
    const { outcome, evidence, census } = await run({ run: line, report: 'report.xml' })
    expect([outcome, census]).toEqual(['fail', undefined])
    expect(evidence.summary).toMatch(says)
  })

  it('does not count a failed run of old: the exit code is what is told', async () => {
    workspace.write('report.xml', junit('planted'))
    const { outcome, evidence } = await run({ run: 'exit 3', report: 'report.xml' })
    expect([outcome, evidence.summary]).toEqual(['fail', 'It ended with 3; expected exit code 0.'])
  })

  it('keeps findings from failing a check: only new ones weigh', async () => {
    workspace.write('f.sarif', '{"version":"2.1.0","runs":[{"results":[{"ruleId":"r"}]}]}')
    const result = await run({ run: 'cat f.sarif > out.sarif', report: 'out.sarif' })
    expect(result).toMatchObject({ outcome: 'pass', census: { format: 'sarif', failed: 1 } })
  })

  it('is left alone when stdout is longer than anybody reads, and the memory stays bounded', async () => {
    const before = process.memoryUsage().arrayBuffers
    const flood = `${tap}; yes 'ok 1 - again' | head -c ${stdoutBytesMax * 2}; exit 0`
    const { outcome, census } = await run({ run: flood, timeout_seconds: 60 })
    expect([outcome, census]).toEqual(['pass', undefined])
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(3 * stdoutBytesMax)
  })

  it('puts at most twenty names before the output, within the bounds of an excerpt', async () => {
    const lines = Array.from({ length: 60 }, (_, i) => `not ok ${i} - ${'x'.repeat(400)}${i}`).join('\n')
    workspace.write('out.tap', `1..60\n${lines}\n`)
    const { evidence } = await run({ run: 'cat out.tap; exit 1' })
    expect((evidence.excerpt ?? '').length).toBeLessThanOrEqual(excerptCharsMax + 100)
    expect(evidence.excerpt).toMatch(/^Failed:\n- x+0\n/)
    expect(evidence.excerpt).toContain('… and 40 more')
  })

  it('is read by the check that nothing got worse, too', async () => {
    const spec = checkSchema.parse({ kind: 'no_worse', run: tap })
    expect(await checkerOf('no_worse')?.run(spec, workspace.context())).toMatchObject({
      outcome: 'pass',
      census: { format: 'tap', passed: 1, failed: 1 },
    })
  })

  it('is shown in the one-line form', () => {
    expect(describeCheck(checkSchema.parse({ kind: 'command', run: 'npm test', report: 'out/*.xml' }))).toBe(
      'run: npm test (report: out/*.xml)',
    )
  })

  it.each(['/tmp/report.xml', '../report.xml', ''])('must lie in the workspace: %s', (report) => {
    expect(checkSchema.safeParse({ kind: 'command', run: 'x', report }).success).toBe(false)
  })
})

describe('a failing command', () => {
  const count = 'echo run >> runs; test $(wc -l < runs) -ge'

  it('is tried again on the same files until it passes, and is flaky then', async () => {
    const { outcome, evidence, flaky } = await run({ run: `${count} 3`, retries: 4 })
    expect({ outcome, flaky }).toEqual({ outcome: 'pass', flaky: { runs: 3, failed: 2 } })
    expect(evidence.summary).toContain('It failed 2 of 3 times on the same files.')
  })

  it('has failed when it fails every time, which is no flake', async () => {
    expect(await run({ run: `${count} 9`, retries: 2 })).not.toHaveProperty('flaky')
    expect(readFileSync(join(workspace.path, 'runs'), 'utf8').split('\n')).toHaveLength(4)
  })

  it('is not tried again unless the task says so, nor when it passes, nor when it cannot be looked at', async () => {
    expect((await run({ run: `${count} 2` })).outcome).toBe('fail')
    expect(await run({ run: 'true', retries: 5 })).not.toHaveProperty('flaky')
    expect((await run({ run: ['no-such-program'], retries: 5 })).outcome).toBe('error')
  })

  it.each([-1, 6, 1.5])('is not tried again %d times', (retries) => {
    expect(checkSchema.safeParse({ kind: 'command', run: 'x', retries }).success).toBe(false)
  })
})
