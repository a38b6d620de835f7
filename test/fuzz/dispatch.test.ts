/** Whatever the text: dispatch answers in bounded time, with a task or with words why not. Nothing is thrown. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { grammar, settingSections } from '../../src/config.ts'
import type { Result } from '../../src/core/problem.ts'
import type { TaskSpec } from '../../src/core/spec.ts'
import { decodeTask, dispatchMarkdown, dispatchObject, dispatchYaml, taskBytesMax } from '../../src/inbox/dispatch.ts'
import { processorMs } from '../fakes/processor.ts'
import { oddities, Random } from '../fakes/random.ts'

const folder = new URL('../fixtures/dispatch', import.meta.url).pathname
const cases = readdirSync(folder).map((name) => readFileSync(join(folder, name, 'in.md'), 'utf8'))

/** The daemon parses what is longer beside its main thread, with a limit of 10 s. */
const longBytes = 20_000

const ways: Record<string, (text: string) => Result<TaskSpec>> = {
  markdown: (text) => dispatchMarkdown(text, grammar),
  yaml: (text) => dispatchYaml(text, grammar, settingSections),
}

function judge(text: string | Uint8Array, way: (text: string) => Result<TaskSpec>): Result<TaskSpec> {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
  const decoded = decodeTask(bytes)
  const { value: outcome, ms: tookMs } = processorMs(() => (decoded.ok ? way(decoded.value) : decoded))
  const shown = JSON.stringify(decoded.ok ? decoded.value.slice(0, 400) : bytes.length)
  expect(tookMs, shown).toBeLessThan(bytes.length > longBytes ? 5_000 : 1_000)
  if (outcome.ok) expect(grammar.schema.safeParse(outcome.value).success, shown).toBe(true)
  else {
    expect(outcome.problems.length, shown).toBeGreaterThan(0)
    for (const { kind, text: why, line } of outcome.problems) {
      expect(kind, shown).toMatch(/^[a-z0-9-]+$/)
      expect(why.trim(), shown).not.toBe('')
      if (line !== undefined) expect(line, shown).toBeGreaterThanOrEqual(1)
    }
  }
  return outcome
}

const front = (yaml: string) => `---\n${yaml}\n---\n\n# T\n\nDo it.\n`
const laughs = [
  'a: &a [x,x,x,x,x,x,x,x,x]',
  ...'bcdefghi'.split('').map((c, i) => {
    const before = 'abcdefgh'[i]
    return `${c}: &${c} [${Array.from({ length: 9 }, () => `*${before}`).join(',')}]`
  }),
].join('\n')

/** Facts of the corpus A5: each of these broke, blocked or killed something when it was tried on bare libraries. */
const hostile: Record<string, string | Uint8Array> = {
  'billion laughs': laughs,
  '900 nested brackets': `goal: ${'['.repeat(900)}`,
  '900 nested braces': `goal: ${'{a: '.repeat(900)}`,
  '900 nested dashes': `goal:\n  ${'- '.repeat(900)}x`,
  'deep indentation': Array.from({ length: 600 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
  'a long flow list': `steps: [${'x,'.repeat(30_000)}x]`,
  'many maps': `steps:\n${'- {a: 1}\n'.repeat(6_000)}`,
  'many aliases': `a: &a x\nsteps: [${'*a,'.repeat(5_000)}x]`,
  prototype: '__proto__:\n  polluted: true\ngoal: x',
  constructor: 'constructor: {prototype: {polluted: true}}\ngoal: x',
  'a second document': 'goal: x\n---\ngoal: y',
  'the same key twice': 'goal: x\ngoal: y',
  'a function tag': 'goal: !!js/function "function () {}"',
  'an unknown tag': 'goal: !<tag:evil> x',
  'a NUL': 'goal: a\0b',
  'half a character': Uint8Array.from([0x67, 0x6f, 0xc3, 0x28, 0xff]),
  'UTF-16': Uint8Array.from([0xff, 0xfe, ...Buffer.from('# T\n\nDo it.\n', 'utf16le')]),
  'a program': readFileSync(process.execPath).subarray(0, 20_000),
  'only dashes': '---',
  'only an opened front matter': '---\ngoal: x',
  'terminal codes': 'goal: "\\e[2J\\e[31mred"',
  'right to left': 'goal: \u202egnp.exe',
  html: '<script>alert(1)</script><!-- ## goal -->',
  'a regular expression that explodes': '# T\n\nDo it.\n\n## checks\n\n- contains: x /(a+)+$/\n',
  'twenty thousand headings': '## goal\n'.repeat(20_000),
  'as long as it may be': 'a'.repeat(taskBytesMax),
  'one byte too long': 'a'.repeat(taskBytesMax + 1),
}

it.each(Object.keys(hostile))('answers %s, twice, in every form', (name) => {
  const text = hostile[name] ?? ''
  for (let time = 0; time < 2; time++) {
    for (const way of Object.values(ways)) judge(text, way)
    if (typeof text === 'string' && text.length < taskBytesMax) judge(front(text), ways.markdown ?? fail)
  }
  expect(Object.keys(Object.prototype)).toEqual([])
  expect(({} as Record<string, unknown>).polluted).toBeUndefined()
})

const fail = (): never => {
  throw new Error('no such way')
}

it('answers 6,000 mutations of the goldens and mixtures of odd words', { timeout: 30_000 }, () => {
  const random = new Random(20_261_121)
  let accepted = 0
  for (let n = 0; n < 6_000; n++) {
    const mixture = () => Array.from({ length: 1 + random.below(20) }, () => random.pick(oddities)).join('')
    const text = random.chance(0.7) ? random.mutate(random.pick(cases)) : mixture()
    const outcome = judge(text, random.chance(0.8) ? (ways.markdown ?? fail) : (ways.yaml ?? fail))
    if (outcome.ok) accepted++
  }
  // A fuzz that only ever meets the first refusal would show nothing.
  expect(accepted).toBeGreaterThan(1_000)
  expect(accepted).toBeLessThan(5_500)
})

it('answers 3,000 objects of any shape', () => {
  const random = new Random(7)
  const keys = [
    'title',
    'goal',
    'workspace',
    'steps',
    'checks',
    'limits',
    'abort',
    'acceptance',
    'agent',
    'runtime',
    'x',
  ]
  const value = (depth: number): unknown => {
    const kind = random.below(depth > 4 ? 5 : 8)
    if (kind < 2) return random.pick(oddities)
    if (kind < 5) return random.pick([null, true, false, 0, -1, 1e308, Number.NaN, '', undefined])
    if (kind === 5) return Array.from({ length: random.below(5) }, () => value(depth + 1))
    return Object.fromEntries(Array.from({ length: random.below(5) }, () => [random.pick(keys), value(depth + 1)]))
  }
  for (let n = 0; n < 3_000; n++) {
    const given = Object.fromEntries(keys.filter(() => random.chance(0.5)).map((key) => [key, value(0)]))
    judge('x', () => dispatchObject(given, grammar))
  }
})
