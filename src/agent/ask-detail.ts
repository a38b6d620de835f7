/** What a call would do, for the person who is asked: a change by its lines, the rest by name. It judges nothing. */
import { excerptOf } from '../lib/excerpt.ts'

type Fields = Record<string, unknown>

const charsMax = 8_000

/** `named`: what the ask says already. Empty: there is nothing more to know. */
export function askDetail(input: Fields, named: readonly string[]): string {
  const { old_string, new_string, replace_all, ...rest } = input
  const isEdit = typeof old_string === 'string' && typeof new_string === 'string'
  const said = Object.entries(isEdit ? rest : input).filter(
    ([, value]) => !(typeof value === 'string' && named.includes(value)),
  )
  const lines = said.flatMap(([name, value]) => linesOf(name, value))
  if (isEdit) lines.push(...editLines({ old_string, new_string, replace_all }, 'the change'))
  return excerptOf(lines.join('\n'), charsMax)
}

function linesOf(name: string, value: unknown): string[] {
  if (name === 'edits' && Array.isArray(value)) {
    return value.flatMap((edit, at) => editLines(edit, `edit ${at + 1} of ${value.length}`))
  }
  if (name === 'content' && typeof value === 'string') return ['@@ the whole content @@', ...signed('+', value)]
  if (typeof value !== 'string') return [`${name}: ${JSON.stringify(value)}`]
  return value.includes('\n') ? [`${name}:`, ...signed(' ', value)] : [`${name}: ${value}`]
}

function editLines(edit: unknown, title: string): string[] {
  if (edit === null || typeof edit !== 'object') return [`${title}: ${JSON.stringify(edit)}`]
  const { old_string: before, new_string: after, replace_all: all, ...rest } = edit as Fields
  if (typeof before !== 'string' || typeof after !== 'string') return [`${title}: ${JSON.stringify(edit)}`]
  const more = Object.keys(rest).length > 0 ? [JSON.stringify(rest)] : []
  const where = all ? ', in every place' : ''
  return [`@@ ${title}${where} @@`, ...more, ...signed('-', before), ...signed('+', after)]
}

/** Each line carries its sign, so that no line of a text can look like a heading. */
const signed = (sign: string, text: string): string[] =>
  text === ''
    ? []
    : text
        .replace(/\n$/, '')
        .split('\n')
        .map((line) => sign + line)
