/** A task as fields and as markdown: what the one says the other says too, by the daemon's own parser. */
import { readdirSync, readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { describe, expect, it } from 'vitest'
import { emptyForm, fieldOf, formOf, withWorkspace, writeTask } from '../../frontend/src/model/task-text.ts'
import { describeCheck } from '../../src/checks/index.ts'
import { grammar } from '../../src/config.ts'
import { flattenChecks, type TaskSpec } from '../../src/core/spec.ts'
import { dispatchMarkdown, dispatchYaml } from '../../src/inbox/dispatch.ts'

const read = (text: string): TaskSpec => {
  const result = dispatchMarkdown(text, grammar)
  if (!result.ok) throw new Error(JSON.stringify(result.problems))
  return result.value
}
const checksOf = (spec: TaskSpec) =>
  flattenChecks(spec).map(({ spec: check, step }) => {
    const title = describeCheck(check)
    const again = grammar.parseCheckLine(title)
    return { title, step, line: again.ok && isDeepStrictEqual(again.value, check) ? title : null }
  })
const again = (spec: TaskSpec) => read(writeTask(formOf(spec, checksOf(spec))).text)

const examples = readdirSync('specs').filter((name) => name.endsWith('.yaml'))

describe('a task as fields', () => {
  it.each(examples)('says the same as the example %s', (name) => {
    const spec = dispatchYaml(readFileSync(`specs/${name}`, 'utf8'), grammar)
    if (!spec.ok) throw new Error(JSON.stringify(spec.problems))
    expect(again(spec.value)).toEqual(spec.value)
  })

  it.each([
    ['a line', 'Look around.\n'],
    [
      'settings',
      '---\nworkspace: "~/a b: c"\nafter: [one, "two"]\nlimits: {minutes: 5}\nmodel: x\n---\n# T\n\n## goal\ng\n',
    ],
    ['sections of other names', '# T\n\nFree words.\n\n## goal\nDo it.\n\n## background\nLong ago.\n'],
    ['steps with checks', '# T\n\n## steps\n1. One\n   - file: a\n   - with care\n2. Two\n\n## checks\n- file: b\n'],
    [
      'a step with a whole check',
      '---\nsteps:\n  - title: One\n    checks: [{kind: command, run: [a, b]}]\n---\n# T\n',
    ],
    ['names with commas, words with lines', '---\nafter: ["a, b"]\nacceptance: ["x\\ny"]\nworkspace: "no"\n---\n# T\n'],
    ['a permission to everything', '---\nauto_accept: true\nisolation: worktree\n---\n# T\n'],
  ])('says the same as a text with %s', (_, text) => {
    const spec = read(text)
    expect(again(spec)).toEqual(spec)
  })

  it('is an empty text while nothing is filled in', () => {
    expect(writeTask(emptyForm()).text).toBe('')
  })

  it('knows the field of each line, and of what is said without one', () => {
    const form = { ...emptyForm(), title: 'T', workspace: '/w', checks: 'fil: a' }
    const { text, fields } = writeTask(form)
    const result = dispatchMarkdown(text, grammar)
    const problems = result.ok ? [] : result.problems
    expect(problems.map((problem) => fieldOf(problem, fields))).toEqual(['checks'])
    expect(fieldOf({ kind: 'workspace-missing', text: '' }, fields)).toBe('workspace')
    expect(fieldOf({ kind: 'bad-value', text: '"limits.minutes": no.', line: 1 }, fields)).toBe('minutes')
    expect(fieldOf({ kind: 'other', text: '', line: 99 }, fields)).toBeNull()
  })
})

describe('another folder', () => {
  it.each([
    ['# T\n\nworkspace: /old\n', '# T\n\nworkspace: /new\n'],
    ['---\nmodel: x\n---\n', '---\nworkspace: /new\nmodel: x\n---\n'],
    ['# T\n\n## goal\n', '# T\n\nworkspace: /new\n\n## goal\n'],
    ['Do it.', 'workspace: /new\n\nDo it.'],
  ])('in %j', (before, after) => {
    expect(withWorkspace(before, '/new')).toBe(after)
  })
})
