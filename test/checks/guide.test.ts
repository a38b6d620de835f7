import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { checkers, checkSchema, parseCheckLine } from '../../src/checks/index.ts'
import type { CheckSpec } from '../../src/core/check.ts'
import { parseYaml } from '../../src/lib/yaml.ts'

const guide = readFileSync(new URL('../../docs/guide/checks.md', import.meta.url), 'utf8')
const cells = [...guide.matchAll(/^\|[^|]+\| `(.+?)` \| `(\{.+\})` \|$/gm)]
const rows = cells.map(([, line = '', yaml = '']): [string, string] => [line, yaml])

function fromYaml(text: string): CheckSpec {
  const parsed = parseYaml(text, { sizeBytesMax: 10_000 })
  if (!parsed.ok) throw new Error(parsed.problems[0]?.text)
  return checkSchema.parse(parsed.value.value)
}

it.each(rows)('the guide means the same by `%s` and its YAML', (line, yaml) => {
  expect(parseCheckLine(line)).toEqual({ ok: true, value: fromYaml(yaml) })
})

it('the guide shows every check', () => {
  const shown = new Set(rows.map(([, yaml]) => fromYaml(yaml).kind))
  expect([...shown].sort()).toEqual(checkers.map((checker) => checker.kind).sort())
})
