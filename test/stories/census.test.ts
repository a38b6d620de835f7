/** A check that passes with fewer tests behind it, or none, or an old report: real commands, a whole daemon. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { statementSchema } from '../../src/core/receipt.ts'
import type { Envelope } from '../../src/lib/dsse.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import { type Story, tell } from '../fakes/story.ts'

const env = { OPENLOOM_MUST_FAIL_FIRST: 'yes' }
const nodeTests = `${process.execPath} --test --test-reporter=tap cart.test.mjs`
const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url))
const vitestRun = `${process.execPath} ${vitest} run --globals --reporter=json --root .`

const tests = (...lines: string[]) =>
  ["import test from 'node:test'", "import assert from 'node:assert'", ...lines, ''].join('\n')
const adds = "test('adds', () => assert.equal(1 + 1, 2))"
const totals = "test('totals', () => assert.equal(2 + 2, 4))"

const marked = (word: string, line: string) => line.replace('(', `.${word}(`)

const write = (path: string, content: string) => ({
  tool_calls: [{ name: 'write', arguments: { file_path: path, content } }],
})
const done = write('done.txt', 'done\n')
/** Reads each file before it writes it, as an agent must. */
const change = (path: string, content: string) => [
  { tool_calls: [{ name: 'read', arguments: { file_path: path } }] },
  write(path, content),
]

interface Work {
  files: Record<string, string>
  check: Record<string, unknown>
  script: ScriptInput
  attempts?: number
}

async function work({ files, check, script, attempts = 1 }: Work) {
  const story = await tell({ env, script })
  const workspace = story.workspace()
  for (const [name, text] of Object.entries(files)) writeFileSync(join(workspace, name), text)
  execFileSync('git', ['init', '-q'], { cwd: workspace })
  const checks = [
    { kind: 'file_exists', path: 'done.txt' },
    { kind: 'command', ...check },
  ]
  // That the tests were changed at all is another story.
  const body = { goal: 'Work on the cart.', workspace, checks, protect: false, limits: { attempts } }
  const { id } = (await (await story.call('POST', '/api/tasks', body)).json()) as { id: string }
  return { story, id }
}

async function ended({ story, id }: { story: Story; id: string }, status: 'done' | 'failed') {
  const { task, attempts } = await story.reaches(status, id)
  const record = attempts.at(-1)?.checks[1]
  return { verdict: task.verdict, outcome: record?.outcome, weakened: record?.weakened, attempts, record }
}

describe('a verdict is weakened', () => {
  it('by a skip; the next prompt names the test, and with it back the work is verified', async () => {
    const whole = tests(adds, totals)
    const run = await work({
      files: { 'cart.test.mjs': whole },
      check: { run: nodeTests },
      attempts: 2,
      script: [
        done,
        ...change('cart.test.mjs', tests(adds, marked('skip', totals))),
        { text: 'Done.' },
        ...change('cart.test.mjs', whole),
        { text: 'Back again.' },
      ],
    })
    const { verdict, attempts } = await ended(run, 'done')
    const sentence = '1 test that ran before the work is skipped now: totals.'
    expect(attempts.map((one) => one.verdict)).toEqual(['weakened', 'verified'])
    expect(attempts[0]?.checks[1]).toMatchObject({ outcome: 'pass', weakened: [sentence] })
    expect(attempts[1]?.prompt).toContain('1 of 2 pass with fewer tests behind them than before the work')
    expect(attempts[1]?.prompt).toContain(`WEAKENED: run: ${nodeTests}\n\`\`\`\n${sentence}`)
    expect(verdict).toBe('verified')
  })

  it('by a deletion, and the receipt holds the counts of both times', async () => {
    const files = { 'cart.test.mjs': tests(adds, totals) }
    const script = [done, ...change('cart.test.mjs', tests(adds)), { text: 'Done.' }]
    const run = await work({ files, check: { run: nodeTests }, script })
    const { verdict, weakened } = await ended(run, 'failed')
    expect({ verdict, weakened }).toEqual({
      verdict: 'weakened',
      weakened: ['1 test that ran before the work is gone: totals.'],
    })
    const sent = (await (await run.story.call('GET', '/api/receipts/1')).json()) as Envelope
    const { predicate } = statementSchema.parse(JSON.parse(Buffer.from(sent.payload, 'base64').toString()))
    expect(predicate.openloom.checks[1]).toMatchObject({
      census: { format: 'tap', passed: 1, failed: 0, skipped: 0, whole: true },
      baseCensus: { format: 'tap', passed: 2, failed: 0, skipped: 0, whole: true },
      weakened: { reasons: 1 },
    })
    expect(predicate.result).toBe('FAILED')
  })

  it('by an .only, which skips all the others', { timeout: 30_000 }, async () => {
    const [one, other] = ["it('adds', () => expect(2).toBe(2))\n", "it('totals', () => expect(4).toBe(4))\n"]
    const run = await work({
      files: { 'cart.test.js': one + other },
      check: { run: vitestRun },
      script: [done, ...change('cart.test.js', marked('only', one) + other), { text: 'Done.' }],
    })
    await expect.poll(() => run.story.daemon.store.tasks.get(run.id)?.status, { timeout: 25_000 }).toBe('failed')
    expect(await ended(run, 'failed')).toMatchObject({
      verdict: 'weakened',
      weakened: ['1 test that ran before the work is skipped now: cart.test.js > totals.'],
    })
  })

  it('when nothing is executed any more', async () => {
    const files = { 'cart.test.mjs': tests(adds) }
    const script = [done, ...change('cart.test.mjs', tests(marked('skip', adds))), { text: 'Done.' }]
    const { verdict, weakened } = await ended(await work({ files, check: { run: nodeTests }, script }), 'failed')
    expect(verdict).toBe('weakened')
    expect(weakened).toEqual(['Nothing was executed: the report counts 0 tests that ran and 1 that were skipped.'])
  })

  it('when the report is gone', async () => {
    const files = { 'run.sh': `${nodeTests}\n`, 'cart.test.mjs': tests(adds, totals) }
    const script = [done, ...change('run.sh', `${nodeTests} > /dev/null\n`), { text: 'Done.' }]
    const { verdict, weakened } = await ended(await work({ files, check: { run: 'sh run.sh' }, script }), 'failed')
    expect(verdict).toBe('weakened')
    expect(weakened).toEqual(['The report of tests is gone: before the work it told of 2 that ran.'])
  })

  it('by a new finding, and not by those of before', async () => {
    const sarif = (...files: string[]) =>
      JSON.stringify({
        version: '2.1.0',
        runs: [
          {
            results: files.map((uri) => ({
              ruleId: 'no-undef',
              locations: [{ physicalLocation: { artifactLocation: { uri } } }],
            })),
          },
        ],
      })
    const check = { run: 'cat findings.json > out.sarif', report: 'out.sarif' }
    const files = { 'findings.json': sarif('old.js') }
    const script = [done, ...change('findings.json', sarif('old.js', 'new.js')), { text: 'Done.' }]
    const { verdict, weakened } = await ended(await work({ files, check, script }), 'failed')
    expect({ verdict, weakened }).toEqual({ verdict: 'weakened', weakened: ['1 new finding: no-undef in new.js.'] })
    const same = await work({ files, check, script: [done, { text: 'Done.' }] })
    expect((await ended(same, 'done')).verdict).toBe('verified')
  })
})

describe('a verdict with a second look', () => {
  it('is weakened when no test is executed in the clean checkout, for they are no part of the result', async () => {
    const story = await tell({ env, script: [done, write('local/cart.test.mjs', tests(adds)), { text: 'Done.' }] })
    const workspace = story.workspace()
    writeFileSync(join(workspace, '.gitignore'), 'local/\n')
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=a@localhost', ...args], { cwd: workspace })
    git('init', '-q')
    git('add', '-A')
    git('commit', '-qm', 'base')
    const run = `${process.execPath} --test --test-reporter=tap`
    const body = { goal: 'Test the cart.', workspace, checks: ['file: done.txt', { kind: 'command', run }] }
    const answer = await story.call('POST', '/api/tasks', { ...body, limits: { attempts: 1 } })
    const { id } = (await answer.json()) as { id: string }
    expect(await ended({ story, id }, 'failed')).toMatchObject({
      verdict: 'weakened',
      record: { outcome: 'pass', census: { passed: 1 }, clean: { outcome: 'pass', census: { passed: 0 } } },
      weakened: ['In the clean checkout: Nothing was executed: the report counts 0 tests that ran.'],
    })
  })
})

describe('a verdict is refuted', () => {
  it('when the report was there before the command: the agent could have written it', async () => {
    const planted = '<testsuite name="s"><testcase name="adds"/></testsuite>'
    const script = [done, write('report.xml', planted), { text: 'Done.' }]
    const run = await work({ files: {}, check: { run: 'true', report: 'report.xml' }, script })
    const { verdict, record } = await ended(run, 'failed')
    expect(verdict).toBe('refuted')
    expect(record?.evidence.summary).toContain('report.xml is there, but this run did not write it')
  })

  it('when tests fail and the exit code hides it', async () => {
    const files = { 'cart.test.mjs': tests(adds, totals) }
    const script = [done, ...change('cart.test.mjs', tests(adds, totals.replace('4)', '5)'))), { text: 'Done.' }]
    const run = await work({ files, check: { run: `${nodeTests} || true` }, script })
    const { verdict, record } = await ended(run, 'failed')
    expect(verdict).toBe('refuted')
    expect(record?.evidence.summary).toBe('It ended with 0, but its report counts 1 failed: totals.')
  })
})
